"""From a fitted model to an ONNX graph that onnxruntime loads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.compose import compose, compose_choices
from exporter.conversion.graph.builder import NEWEST
from exporter.conversion.graph.cleanup import keep_outputs, make_portable, opsets
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.payload import serialize
from exporter.conversion.inputs import choose_layout
from exporter.conversion.outputs import OutputNames
from exporter.conversion.precision import needs_doubles
from exporter.data.estimator import reads_column
from exporter.data.sparse_rows import find_given
from exporter.errors import ConversionError, DataError
from inference.errors import ArtifactError, InferenceError
from inference.model.plan import granted_cpus
from inference.model.session import Session
from inference.runtime.memory import give_back

if TYPE_CHECKING:
    from exporter.conversion.inputs import InputLayout, Precision
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table

_MATRIX = "X"
_ESTIMATORS = Path(__file__).parents[1] / "estimators.txt"  # made by docs/reference/generate.py
_CHOICE_ROWS = 500  # at once: each has a distance to every fitted row
_LARGE_BYTES = 1 << 22  # a run of so large a graph takes long


@dataclass(frozen=True)
class Conversion:
    """A graph that has been loaded.

    Attributes:
        file: The ONNX model, serialized, without contract.
        layout: Where each column goes.
        outputs: Names of the outputs.
        session: The loaded graph.
        inputs: Name of the input that each column feeds, which may differ from the column's
            name; ``None`` for a column that the graph does not need.
    """

    file: bytes
    layout: InputLayout
    inputs: tuple[str | None, ...]
    outputs: OutputNames
    session: Session

    def to_feeds(self, table: Table) -> dict[str, Any]:
        """Build the input arrays.

        Raises:
            ValueError: A value is missing in a column whose input cannot say so.
        """
        return self.layout.to_feeds(table, self.inputs)


def list_layouts(model: Any, table: Table) -> list[InputLayout]:
    """List the layouts to try: in float32, which is faster to serve, then in float64.

    If rounding could send a row to another branch of a tree, float64 comes first.
    """
    layout = choose_layout(table)
    precisions: tuple[Precision, ...] = ("float32", "float64")
    if needs_doubles(model):
        precisions = ("float64", "float32")
    return [replace(layout, precision=precision) for precision in precisions]


def convert(
    original: FittedEstimator, layout: InputLayout, probe: Table, *, narrow: bool = True
) -> Conversion:
    """Convert the model and load the result.

    Args:
        original: The model.
        layout: The inputs, and their precision.
        probe: A few rows, to see what the graph gives.
        narrow: Whether probabilities may be float32 although the inputs are doubles.

    Raises:
        ConversionError: It cannot be converted, or onnxruntime cannot run the result.
        DataError: The model reads a column whose values cannot be sent.
    """
    columns = _columns(layout)
    original.given = find_given(original.model, lambda: original.answer(probe.native))
    try:
        model, payloads = compose(original, columns, layout.precision, narrow=narrow)
    except ConversionError as error:
        for index, column in enumerate(probe.columns):
            if column.kind == "unread" and reads_column(original, probe.native, index):
                raise DataError(column.problem) from error
        raise
    except Exception as error:  # a model may hold what its writer does not expect
        what = f"{type(error).__name__}: {error}"
        raise ConversionError(
            f"it holds what the exporter does not expect ({what[:300].rstrip(' .')}): use another "
            "estimator or option"
        ) from error
    names = [output.name for output in model.graph.output]
    outputs = OutputNames.read(names, original)
    keep_outputs(model, names)
    make_portable(model)
    _check_opsets(model)
    inputs = _inputs(model, layout)
    for column, name in zip(probe.columns, inputs, strict=True):
        if name is not None and column.kind == "unread":
            raise DataError(column.problem)
    file = serialize(model, payloads)
    del model, payloads  # as large as the file
    try:
        session = Session(file, threads=granted_cpus() if len(file) > _LARGE_BYTES else 1)
        give_back()  # what loading took
        session.run(names, layout.to_feeds(probe, inputs))
    except (ArtifactError, InferenceError) as error:
        raise ConversionError(_explain_runtime(str(error), layout)) from error
    return Conversion(file, layout, inputs, outputs, session)


def read_choices(
    original: FittedEstimator, layout: InputLayout, rows: Table
) -> list[tuple[Any, Any]]:
    """Ask the graph which neighbors it chooses.

    Args:
        original: The model.
        layout: Of the graph.
        rows: The rows to ask about.

    Returns:
        Each estimator that chooses, with the indices it chooses for each row; an imputer once for
        each column that it fills.
    """
    graph, payloads, estimators = compose_choices(original, _columns(layout), layout.precision)
    names = [output.name for output in graph.graph.output]
    keep_outputs(graph, names)
    make_portable(graph)
    feeds = layout.to_feeds(rows, _inputs(graph, layout))
    session = Session(serialize(graph, payloads))
    parts = [
        session.run(names, {k: v[start : start + _CHOICE_ROWS] for k, v in feeds.items()})
        for start in range(0, len(rows), _CHOICE_ROWS)
    ]
    return [(e, np.concatenate(each)) for e, *each in zip(estimators, *parts, strict=True)]


def supported_estimators() -> list[str]:
    """List the estimators that the tests have published, each with its library's name before it.

    Others may be converted as well: ``publish()`` compares the answers in any case.
    """
    return _ESTIMATORS.read_text().split()


def _columns(layout: InputLayout) -> list[Column]:
    if layout.elements is None:
        return [Column(_MATRIX, "real", len(layout.names))]
    pairs = zip(layout.names, layout.elements, strict=True)
    return [Column(name, "real" if e == "number" else e, 1) for name, e in pairs]


def _inputs(model: Any, layout: InputLayout) -> tuple[str | None, ...]:
    """Name the input that each column feeds; ``None`` for a column that the graph does not read."""
    kept = {value.name for value in model.graph.input}
    names = [c.name for c in _columns(layout)] * (
        len(layout.names) if layout.elements is None else 1
    )
    return tuple(name if name in kept else None for name in names)


def _check_opsets(model: Any) -> None:
    wanted = opsets(model)
    for domain, version in wanted.items():
        limit = NEWEST.get("" if domain == "ai.onnx" else domain)
        if limit is None:
            raise ConversionError(
                f"the graph needs the operators of '{domain}', which no runtime has"
            )
        if version > limit:
            raise ConversionError(
                f"the model needs operator set {domain} {version}, newer than the {limit} that "
                "this release promises to every server: use a simpler estimator"
            )


def _explain_runtime(reason: str, layout: InputLayout) -> str:
    if layout.precision == "float64" and ("Type" in reason or "implement" in reason.lower()):
        return f"onnxruntime has no float64 version of one of its operators ({reason})"
    return reason
