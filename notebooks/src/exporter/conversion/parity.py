"""Comparison of the ONNX file's answers with the original's, for every row.

The rows are fed exactly as the service feeds them: JSON numbers are doubles, cast to the
graph's type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.data.estimator import Answers
from inference.model.contract import Parity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.conversion.converter import Conversion
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table

# Small enough that a graph which compares every row with every training row stays in memory.
_CHUNK_ROWS = 1000
_WORST_ROWS = 8
_FULL = 1.0
# Single precision has 24 bits, about 6e-8; a few operations on them stay well below this.
DEFAULT_TOLERANCE = 1e-5


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
        """Whether the largest difference is at most this share of the tolerance."""
        return self.max_difference <= self.tolerance * share

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

    By default 1e-5 for probabilities, and 1e-5 of the largest predicted value for a regression,
    which may be in any unit.
    """
    if tolerance is not None:
        return float(tolerance)
    if original.task == "classification":
        return DEFAULT_TOLERANCE
    scale = float(np.abs(answers.labels).max(initial=0.0))
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
    names = [n for n in (conversion.outputs.label, conversion.outputs.probabilities) if n]
    feeds = conversion.to_feeds(table)
    parts = []
    for start in range(0, len(table), _CHUNK_ROWS):
        chunk = {name: array[start : start + _CHUNK_ROWS] for name, array in feeds.items()}
        parts.append(conversion.session.run(names, chunk))
        report(min(start + _CHUNK_ROWS, len(table)))
    labels = np.concatenate([part[0] for part in parts])
    if labels.ndim > 1 and labels.shape[1] == 1:
        labels = labels[:, 0]
    probabilities = np.concatenate([part[1] for part in parts]) if len(names) > 1 else None
    if original.task == "classification":
        labels = _to_indices(labels, original)
    return Answers(labels, probabilities)


def compare(expected: Answers, given: Answers, tolerance: float, task: str) -> Comparison:
    """Compare the ONNX file's answers with the original's."""
    if task == "regression":
        differences = _differences(expected.labels, given.labels)
        return Comparison(differences <= tolerance, differences, tolerance)
    differences = np.zeros(len(expected.labels))
    if expected.probabilities is not None:
        differences = _differences(expected.probabilities, given.probabilities)
    return Comparison(expected.labels == given.labels, differences, tolerance)


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
    if original.classes is None:
        return np.array2string(np.asarray(answers.labels[row]), precision=7)
    index = int(answers.labels[row])
    label = repr(original.classes[index]) if index >= 0 else "no class"
    if answers.probabilities is None:
        return label
    return f"{label} (p = {float(answers.probabilities[row].max()):.6f})"


def _differences(expected: Any, given: Any) -> np.ndarray[Any, Any]:
    if given is None or expected.shape != given.shape:
        return np.full(len(expected), np.inf)
    apart = np.abs(expected - given.astype(np.float64))
    apart = np.where(
        np.isnan(apart), np.where(np.isnan(expected) & np.isnan(given), 0, np.inf), apart
    )
    return apart if apart.ndim == 1 else apart.max(axis=1)


def _to_indices(labels: Any, original: FittedEstimator) -> np.ndarray[Any, Any]:
    codes = original.encoded_classes or original.classes or []
    known = {code: index for index, code in enumerate(codes)}
    return np.array([known.get(label, -1) for label in labels.tolist()], dtype=int)
