"""A model and its ONNX file, asked about the same rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.conversion.converter import convert
from exporter.conversion.inputs import choose_layout
from exporter.conversion.parity import run
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table

if TYPE_CHECKING:
    from exporter.data.answers.answers import Answers


class Asked(NamedTuple):
    """The original, and both answers."""

    original: FittedEstimator
    expected: Answers
    given: Answers


def ask_both(model: Any, rows: Any, precision: Any = "float64") -> Asked:
    """Convert a fitted model, and ask both."""
    original = FittedEstimator(model)
    table = read_table(rows, original, None)
    layout = replace(choose_layout(table), precision=precision)
    conversion = convert(original, layout, table.take(range(3)))
    return Asked(original, original.answer(table.native), run(conversion, original, table))
