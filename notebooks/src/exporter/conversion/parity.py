"""Comparison of the ONNX file's answers with the original's, for every row.

The rows are fed exactly as the service feeds them: JSON numbers are doubles, cast to the
graph's type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.model.contract import Parity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.conversion.converter import Conversion
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table

# Small enough that a graph which compares every row with every training row stays in memory.
_CHUNK_ROWS = 1000
_WORST_ROWS = 8
_FULL = 1.0
# Single precision has 24 bits, about 6e-8; a few operations on them stay well below this.
DEFAULT_TOLERANCE = 1e-5
# Of several values, the smallest may differ by this share of what the largest may.
_LEAST_SHARE = 1e-6
# What answers with numbers instead of labels.
NUMERIC = ("regression", "transformation")


@dataclass(frozen=True)
class Comparison:
    """How two sets of answers compare.

    Attributes:
        equal: Per row, whether the label is the same, or every value within the tolerance.
        differences: Per row, the largest absolute difference of a probability or value; 0 where
            there are none, infinite where the file gives no number.
        tolerance: The difference that is accepted.
        generated: How many of the rows were not given but made, the last ones.
        tied: Per row, whether it has several right answers and the file gives another one than the
            original; ``None`` where there is no such row.
    """

    equal: np.ndarray[Any, Any]
    differences: np.ndarray[Any, Any]
    tolerance: float
    generated: int = 0
    tied: np.ndarray[Any, Any] | None = None

    @property
    def holds(self) -> bool:
        """Whether no label differs and no difference is beyond the tolerance."""
        return bool(self.equal.all()) and self.max_difference <= self.tolerance

    def is_clear(self, share: float) -> bool:
        """Whether no row is a tie, and differences are at most this share of the tolerance."""
        return self.max_difference <= self.tolerance * share and not self.ties.any()

    @property
    def max_difference(self) -> float:
        """The largest difference of all rows."""
        return float(self.differences.max(initial=0.0))

    @property
    def agreement(self) -> float:
        """The share of equal labels; below 1 whenever one differs."""
        return float(self.equal.mean()) if len(self.equal) else _FULL

    @property
    def ties(self) -> np.ndarray[Any, Any]:
        """Which rows have another right answer, as booleans."""
        return np.zeros(len(self.equal), dtype=bool) if self.tied is None else self.tied

    @property
    def badness(self) -> tuple[float, float]:
        """Order comparisons, the best first."""
        return (1 - self.agreement, self.max_difference)

    def joined(self, others: Sequence[Comparison]) -> Comparison:
        """Put comparisons of generated rows behind this one."""
        parts = [self, *others]
        return Comparison(
            np.concatenate([part.equal for part in parts]),
            np.concatenate([part.differences for part in parts]),
            self.tolerance,
            sum(len(part.equal) for part in others),
            np.concatenate([part.ties for part in parts]),
        )

    def worst(self, count: int = _WORST_ROWS) -> list[int]:
        """Find the rows that differ most: wrong labels first, then by difference."""
        order = np.lexsort((-self.differences, self.equal))
        bad = ~self.equal | (self.differences > self.tolerance)
        return [int(i) for i in order if bad[i]][:count]

    def to_contract(self, precision: Any) -> Parity:
        """Write it down for the contract."""
        return Parity(
            rows=len(self.equal) - self.generated,
            generated=self.generated,
            label_agreement=self.agreement,
            max_difference=self.max_difference,
            tolerance=self.tolerance,
            precision=precision,
            ties=int(self.ties.sum()),
        )


def choose_tolerance(original: FittedEstimator, answers: Answers, tolerance: float | None) -> float:
    """Settle the absolute difference that is accepted.

    By default 1e-5 for probabilities, and 1e-5 of the largest value for values, scores and
    distances, which may be in any unit.
    """
    if tolerance is not None:
        return float(tolerance)
    values = answers.scores if original.labels else answers.labels
    if values is None:
        return DEFAULT_TOLERANCE
    scale = float(largest(values))
    return DEFAULT_TOLERANCE * (scale or 1.0)


def run(
    conversion: Conversion,
    original: FittedEstimator,
    table: Table,
    report: Callable[[int], None] = lambda _: None,
) -> Answers:
    """Ask the ONNX file.

    Args:
        conversion: The file.
        original: Knows the classes.
        table: The rows.
        report: Called with the number of compared rows.

    Raises:
        ValueError: A value is missing where the file cannot take a missing one.
        InferenceError: onnxruntime fails on the rows.
    """
    names = conversion.outputs.all
    feeds = conversion.to_feeds(table)
    parts = []
    for start in range(0, len(table), _CHUNK_ROWS):
        chunk = {name: array[start : start + _CHUNK_ROWS] for name, array in feeds.items()}
        parts.append(conversion.session.run(names, chunk))
        report(min(start + _CHUNK_ROWS, len(table)))
    return conversion.outputs.decode(
        [np.concatenate(each) for each in zip(*parts, strict=True)], original
    )


def compare(expected: Answers, given: Answers, tolerance: float, task: str) -> Comparison:
    """Compare the ONNX file's answers with the original's.

    Of several values, the largest may differ by the tolerance, smaller ones in proportion.
    """
    if task in NUMERIC:
        apart = _apart(expected.labels, given.labels)
        return Comparison(
            (apart <= _limits(expected.labels, tolerance)).all(axis=1), apart.max(axis=1), tolerance
        )
    equal = expected.labels == given.labels
    differences = np.zeros(len(equal))
    if expected.numbers is not None:
        differences = _apart(expected.numbers, given.numbers).max(axis=1)
    return Comparison(equal if equal.ndim == 1 else equal.all(axis=1), differences, tolerance)


def explain(
    comparison: Comparison,
    original: FittedEstimator,
    expected: Answers,
    given: Answers,
    table: Table,
) -> str:
    """Draw a table of the worst rows, for a person."""
    rows = [["row", "the original", "the ONNX file", "difference"]]
    rows += [
        [
            str(row),
            _show(original, expected, row),
            _show(original, given, row),
            f"{comparison.differences[row]:.3g}",
        ]
        for row in comparison.worst()
    ]
    widths = [max(len(line[i]) for line in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in rows]
    first = comparison.worst(1)[0]
    shown = ", ".join(f"{c.name}={c.to_scalars()[0]!r}" for c in table.take([first]).columns[:12])
    return "\n".join(["  " + line.rstrip() for line in lines] + [f"  row {first} is {shown}"])


def _show(original: FittedEstimator, answers: Answers, row: int) -> str:
    if not original.labels:
        return np.array2string(np.asarray(answers.labels[row]), precision=7)
    indices = np.atleast_1d(answers.labels[row]).tolist()
    shown = [
        repr(classes.labels[index]) if index >= 0 else "no class"
        for classes, index in zip(original.labels, indices, strict=True)
    ]
    label = f"[{', '.join(shown)}]" if original.has_several_labels else shown[0]
    if answers.scores is not None:
        return f"{label} (score {np.array2string(answers.scores[row], precision=7)})"
    if answers.probabilities is None or original.has_several_labels:
        return label
    return f"{label} (p = {float(answers.probabilities[row].max()):.6f})"


def _apart(expected: Any, given: Any) -> np.ndarray[Any, Any]:
    """Return the absolute differences, ``[rows, values]``; infinite where only one is a number."""
    if given is None or expected.shape != given.shape:
        return np.full((len(expected), 1), np.inf)
    with np.errstate(invalid="ignore"):  # infinity minus itself
        apart = np.abs(expected - given.astype(np.float64))
    same = (expected == given) | (np.isnan(expected) & np.isnan(given))
    apart = np.where(np.isnan(apart), np.where(same, 0.0, np.inf), apart)
    return apart.reshape(len(apart), -1)


def _limits(expected: Any, tolerance: float) -> Any:
    """Return the accepted difference of each value."""
    if expected.ndim == 1 or expected.shape[1] < 2 or not len(expected):
        return tolerance
    sizes = largest(expected, axis=0)
    shares = sizes / (sizes.max() or 1.0)
    return tolerance * np.maximum(shares, _LEAST_SHARE)


def largest(values: Any, axis: int | None = None) -> Any:
    """Return the largest absolute value, of those that are finite numbers; 0 without any."""
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    return np.where(np.isfinite(sizes), sizes, 0.0).max(axis=axis, initial=0.0)
