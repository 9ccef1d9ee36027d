"""Finding the conversion whose answers are the original's: the first of several ways that holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exporter.conversion.converter import convert, list_attempts
from exporter.conversion.inputs import candidate_layouts
from exporter.conversion.parity import Comparison, explain, run
from exporter.conversion.probes.generate import generate
from exporter.conversion.ties import compare_with_ties
from exporter.data.dataset import Rows
from exporter.errors import ConversionError, ParityError
from inference.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.conversion.converter import Attempt, Conversion
    from exporter.data.estimator import Answers, Original
    from exporter.data.table import Table

_PROBE_ROWS = 3
_SLIGHT = 1e-3  # a larger difference, as a share of the values, is no rounding
# Single precision that comes closer than this to the tolerance crosses it on some other row.
_CLEAR = 0.1


@dataclass(frozen=True)
class _Failure:
    comparison: Comparison
    attempt: Attempt
    rows: Rows
    given: Answers
    generated: bool

    @property
    def badness(self) -> tuple[bool, float, float]:
        """Order failures, the best first."""
        return (not self.generated, *self.comparison.badness)


def find_conversion(
    original: Original, rows: Rows, tolerance: float, report: Callable[[str], None]
) -> tuple[Conversion, Comparison]:
    """Convert in the first way that answers every row like the original.

    Where the given rows agree, rows between and around them are made and compared, too. Single
    precision is left for double where it only just holds.

    Args:
        original: The model.
        rows: All rows to compare, and the original's answers.
        tolerance: The absolute difference of a probability or value that is accepted.
        report: Told what is being tried.

    Raises:
        ConversionError: No way gives a file that onnxruntime runs.
        ParityError: Each way answers some rows otherwise; shows the worst rows of the best way.
    """
    reasons: list[str] = []
    best: _Failure | None = None
    made: list[Rows] | None = None
    close: tuple[Conversion, Comparison] | None = None
    for attempt in list_attempts(original.model, candidate_layouts(rows.table)):
        way = attempt.layout.precision
        if close is not None and way == "float32":
            break
        report(f"{way}, converting")
        try:
            conversion = convert(
                original, attempt, rows.table.take(range(min(_PROBE_ROWS, len(rows.table))))
            )
            given = run(conversion, original, rows.table, _counter(report, way, len(rows.table)))
        except (ConversionError, InferenceError, ValueError) as error:
            reasons.append(str(error))
            continue
        comparison = compare_with_ties(
            original, conversion, (rows.table, rows.answers), given, tolerance
        )
        failure = (
            None
            if comparison.holds
            else _Failure(comparison, attempt, rows, given, generated=False)
        )
        if failure is None:
            report(f"{way}, between the rows")
            made = _make_rows(original, rows.table, tolerance) if made is None else made
            others, failure = _compare_made(original, attempt, conversion, made, tolerance)
            if failure is None:
                found = conversion, comparison.joined(others)
                if attempt.layout.precision == "float64" or found[1].is_clear(_CLEAR):
                    return found
                close = found
                continue
        if best is None or failure.badness < best.badness:
            best = failure
    if close is not None:
        return close
    if best is not None:
        raise ParityError(_explain_difference(original, best, reasons))
    raise ConversionError(_explain_conversion(original, reasons))


def _counter(report: Callable[[str], None], way: str, count: int) -> Callable[[int], None]:
    return lambda done: report(f"{way}, {done:,} of {count:,} rows compared")


def _make_rows(original: Original, table: Table, tolerance: float) -> list[Rows]:
    made = generate(original, table, tolerance)
    return [] if made is None else [Rows(*made)]


def _compare_made(
    original: Original,
    attempt: Attempt,
    conversion: Conversion,
    made: list[Rows],
    tolerance: float,
) -> tuple[list[Comparison], _Failure | None]:
    compared: list[Comparison] = []
    for rows in made:
        given = run(conversion, original, rows.table)
        comparison = compare_with_ties(
            original, conversion, (rows.table, rows.answers), given, tolerance
        )
        if not comparison.holds:
            return compared, _Failure(comparison, attempt, rows, given, generated=True)
        compared.append(comparison)
    return compared, None


def _explain_difference(original: Original, failure: _Failure, reasons: list[str]) -> str:
    comparison = failure.comparison
    wrong = int((~comparison.equal).sum())
    beyond = int((comparison.differences > comparison.tolerance).sum())
    what = "labels" if original.task == "classification" else "values"
    where = " on generated rows between and around those of X" if failure.generated else ""
    found = f"{wrong} of {len(comparison.equal)} {what} differ{where}"
    if original.has_probabilities:
        found += f", {beyond} probabilities are off by more than {comparison.tolerance:.3g}"
    advice = (
        "No tolerance would be right for so much: use another estimator, or another transformer "
        "before it"
    )
    scale = float(np.abs(failure.rows.answers.labels).max()) if original.task == "regression" else 1
    if comparison.max_difference <= _SLIGHT * scale and (
        not wrong or original.task == "regression"
    ):
        advice = (
            f"If a difference of {comparison.max_difference:.2g} is acceptable, "
            f"pass tolerance={comparison.max_difference * 1.1:.2g}"
        )
    doubles = next((r for r in reasons if "float64" in r), None)
    tried = f" It cannot be tried in float64: {doubles}." if doubles else ""
    return (
        f"the ONNX file answers otherwise than the original: {found} "
        f"(in {failure.attempt.layout.precision}, the best of all ways tried).{tried} {advice}. "
        "The worst rows:\n"
        + explain(comparison, original, failure.rows.answers, failure.given, failure.rows.table)
    )


def _explain_conversion(original: Original, reasons: list[str]) -> str:
    name = type(original.model).__name__
    distinct = [reason.rstrip(" .") for reason in dict.fromkeys(reasons)]
    return f"this {name} cannot be converted: {distinct[0]}." + "".join(
        f"\n  then tried: {reason}" for reason in distinct[1:4]
    )
