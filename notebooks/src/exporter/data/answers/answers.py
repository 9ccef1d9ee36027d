"""What a model answers to some rows, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Answers:
    """A model's answers to some rows.

    Attributes:
        labels: Indices of classes or clusters, shape ``[rows]``, for several labels
            ``[rows, targets]``; or values, shape ``[rows]`` or ``[rows, targets]``.
        probabilities: Shape ``[rows, classes]``, those of several labels side by side; or ``None``.
        scores: The decision function of an outlier detector, shape ``[rows, 1]``, or the distances
            to clusters, shape ``[rows, clusters]``; or ``None``.
    """

    labels: Array
    probabilities: Array | None = None
    scores: Array | None = None

    @property
    def numbers(self) -> Array | None:
        """What comes with the labels: scores or probabilities, ``None`` without either."""
        return self.probabilities if self.scores is None else self.scores

    def take(self, rows: Any) -> Answers:
        """Return the answers to some of the rows."""
        return _combine([self], lambda tables: tables[0][rows])


def join(answers: Sequence[Answers]) -> Answers:
    """Put the answers to several groups of rows behind each other."""
    return _combine(answers, np.concatenate)


def choose(where: Array, yes: Answers, no: Answers) -> Answers:
    """Choose between two answers to each row."""
    return _combine(
        [yes, no], lambda pair: np.where(where if pair[0].ndim == 1 else where[:, None], *pair)
    )


def _combine(answers: Sequence[Answers], call: Callable[[list[Array]], Array]) -> Answers:
    """Apply a function to each kind of array that all of the answers have."""

    def apply(tables: list[Array | None]) -> Array | None:
        present = [table for table in tables if table is not None]
        return call(present) if len(present) == len(tables) else None

    return Answers(
        call([each.labels for each in answers]),
        apply([each.probabilities for each in answers]),
        apply([each.scores for each in answers]),
    )
