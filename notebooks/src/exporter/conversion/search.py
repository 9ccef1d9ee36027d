"""The search for a conversion whose answers equal the original's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer

from exporter.conversion.converter import convert, list_layouts
from exporter.conversion.parity import Comparison, explain, largest, run
from exporter.conversion.precision import has_steps
from exporter.conversion.probes.generate import generate
from exporter.conversion.ties import compare_with_ties
from exporter.data.dataset import Rows
from exporter.data.inner_estimators import estimators_within
from exporter.errors import ConversionError, ParityError
from inference.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.conversion.converter import Conversion
    from exporter.conversion.inputs import InputLayout, Precision
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table

_PROBE_ROWS = 3
_SLIGHT = 1e-3  # a larger difference, as a share of the values, is no rounding
# Single precision that comes closer than this to the tolerance crosses it on some other row.
_CLEAR = 0.1
# Probabilities in single precision are off by less than a tenth of this.
_LEAST_NARROW = 1e-6


@dataclass(frozen=True)
class _Failure:
    comparison: Comparison
    precision: Precision
    rows: Rows
    given: Answers
    generated: bool

    @property
    def badness(self) -> tuple[bool, float, float]:
        """Order failures, the best first."""
        return (not self.generated, *self.comparison.badness)


def find_conversion(
    original: FittedEstimator, rows: Rows, tolerance: float, report: Callable[[str], None]
) -> tuple[Conversion, Comparison]:
    """Convert with the first layout whose graph answers every row like the original.

    If the given rows agree, generated rows between and around them are compared, too. If float32
    is only just within the tolerance, float64 is preferred.

    Args:
        original: The model.
        rows: All rows to compare, with the original's answers.
        tolerance: The accepted absolute difference of a probability or value.
        report: Called with the step that begins.

    Raises:
        ConversionError: No layout results in a file that onnxruntime runs.
        ParityError: Every layout answers some rows differently; shows the worst rows of the best
            one.
    """
    search = _Search(original, rows, tolerance, report)
    failures: list[_Failure] = []
    close: tuple[Conversion, Comparison] | None = None
    for layout in list_layouts(original.model, rows.table):
        if close is not None and layout.precision == "float32":
            break
        found = search.try_layout(layout)
        if isinstance(found, _Failure):
            failures.append(found)
        elif found is not None:
            if layout.precision == "float64" or found[1].is_clear(_CLEAR):
                return found
            close = found
    if close is not None:
        return close
    if failures:
        best = min(failures, key=lambda failure: failure.badness)
        raise ParityError(_explain_difference(original, best, search.reasons))
    raise ConversionError(_explain_conversion(original, search.reasons))


class _Search:
    """Converts and compares with one layout at a time.

    Attributes:
        reasons: Why layouts could not be converted or run.
    """

    def __init__(
        self,
        original: FittedEstimator,
        rows: Rows,
        tolerance: float,
        report: Callable[[str], None],
    ) -> None:
        self.reasons: list[str] = []
        self._original = original
        self._rows = rows
        self._tolerance = tolerance
        self._report = report
        self._generated: list[Rows] | None = None

    def try_layout(self, layout: InputLayout) -> tuple[Conversion, Comparison] | _Failure | None:
        """Convert with a layout, and compare.

        Returns:
            The conversion if it answers like the original, the difference if it does not; ``None``
            if it cannot be converted or run.
        """
        precision, table = layout.precision, self._rows.table
        self._report(f"{precision}, converting")
        try:
            probe = table.take(range(min(_PROBE_ROWS, len(table))))
            narrow = self._tolerance >= _LEAST_NARROW
            conversion = convert(self._original, layout, probe, narrow=narrow)
            given = run(conversion, self._original, table, self._counter(precision))
        except (ConversionError, InferenceError, ValueError) as error:
            self.reasons.append(str(error))
            return None
        comparison = self._compare(conversion, self._rows, given)
        if not comparison.holds:
            return _Failure(comparison, precision, self._rows, given, generated=False)
        self._report(f"{precision}, between the rows")
        others = []
        for rows in self._generate():
            given = run(conversion, self._original, rows.table)
            other = self._compare(conversion, rows, given)
            if not other.holds:
                return _Failure(other, precision, rows, given, generated=True)
            others.append(other)
        return conversion, comparison.joined(others)

    def _compare(self, conversion: Conversion, rows: Rows, given: Answers) -> Comparison:
        pair = (rows.table, rows.answers)
        return compare_with_ties(self._original, conversion, pair, given, self._tolerance)

    def _generate(self) -> list[Rows]:
        if self._generated is None:
            made = generate(self._original, self._rows.table, self._tolerance)
            self._generated = [] if made is None else [Rows(*made)]
        return self._generated

    def _counter(self, precision: Precision) -> Callable[[int], None]:
        count = len(self._rows.table)
        return lambda done: self._report(f"{precision}, {done:,} of {count:,} rows compared")


def _explain_difference(original: FittedEstimator, failure: _Failure, reasons: list[str]) -> str:
    comparison = failure.comparison
    wrong = int((~comparison.equal).sum())
    beyond = int((comparison.differences > comparison.tolerance).sum())
    what = "labels" if original.labels else "values"
    where = " on generated rows between and around those of X" if failure.generated else ""
    found = f"{wrong} of {len(comparison.equal)} {what} differ{where}"
    if failure.rows.answers.numbers is not None:
        numbers = "scores or distances" if original.has_scores else "probabilities"
        found += f", {beyond} {numbers} are off by more than {comparison.tolerance:.3g}"
    advice = (
        "No tolerance would be right for so much: use another estimator, or another transformer "
        "before it"
    )
    answers = failure.rows.answers
    measured = answers.scores if original.labels else answers.labels
    scale = 1.0 if measured is None else float(largest(measured))
    if comparison.max_difference <= _SLIGHT * scale and (not wrong or not original.labels):
        advice = (
            f"If a difference of {comparison.max_difference:.2g} is acceptable, "
            f"pass tolerance={comparison.max_difference * 1.1:.2g}"
        )
    doubles = next((r for r in reasons if "float64" in r), None)
    tried = f" It cannot be tried in float64: {doubles}." if doubles else ""
    return (
        f"the ONNX file answers differently from the original: {found} "
        f"(in {failure.precision}, the best of all tried).{tried} "
        f"{_explain_rows(original, failure.rows.table) or advice}. "
        "The worst rows:\n"
        + explain(comparison, original, failure.rows.answers, failure.given, failure.rows.table)
    )


def _explain_rows(original: FittedEstimator, table: Table) -> str:
    return _explain_gaps(original, table) or _explain_single(original, table)


def _explain_single(original: FittedEstimator, table: Table) -> str:
    """Say that the steps in front of trees compute in single precision, because X is."""
    native = table.native
    types = list(native.dtypes) if isinstance(native, pd.DataFrame) else [native.dtype]
    if np.float32 not in types or not has_steps(original.model):
        return ""
    return (
        "X is float32, in which the model's steps compute and round. Pass X.astype('float64') to "
        "fit() and publish()"
    )


def _explain_gaps(original: FittedEstimator, table: Table) -> str:
    """Name a column whose missing strings mean one thing in X and another in the file."""
    for place, column in enumerate(table.columns):
        if column.kind != "text" or not column.missing.any():
            continue
        if "" in column.to_scalars():
            return (
                f"Column {column.name!r} has empty strings and missing ones, which are the same in "
                "the file: replace the empty ones before fit()"
            )
        if isinstance(table.native, pd.DataFrame) and _leaves_none(original, table.native, place):
            return (
                f"Column {column.name!r} has None, which SimpleImputer(missing_values=np.nan) does "
                "not fill in: pass missing_values=None, or X.fillna(np.nan), to fit() and publish()"
            )
    return ""


def _leaves_none(original: FittedEstimator, native: pd.DataFrame, place: int) -> bool:
    holds_none = any(value is None for value in native.iloc[:, place].tolist())
    markers = [
        each.missing_values
        for each in estimators_within(original.model)
        if isinstance(each, SimpleImputer)
    ]
    return holds_none and any(isinstance(m, float) and math.isnan(m) for m in markers)


def _explain_conversion(original: FittedEstimator, reasons: list[str]) -> str:
    name = type(original.model).__name__
    distinct = [reason.rstrip(" .") for reason in dict.fromkeys(reasons)]
    return f"this {name} cannot be converted: {distinct[0]}." + "".join(
        f"\n  then tried: {reason}" for reason in distinct[1:4]
    )
