"""The outputs of a graph by what they hold, and how their values are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.data.answers.answers import Answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.data.estimator import FittedEstimator

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class OutputNames:
    """Names of a graph's outputs.

    Attributes:
        labels: Of each label, or of the values.
        probabilities: Of each label's probabilities; none without probabilities.
        scores: Of the decision function or the distances; ``None`` without them.
    """

    labels: tuple[str, ...]
    probabilities: tuple[str, ...] = ()
    scores: str | None = None

    @classmethod
    def read(cls, names: Sequence[str], original: FittedEstimator) -> OutputNames:
        """Assign names that are in the order of a graph's outputs.

        Args:
            names: All labels, then all probabilities, then scores.
            original: The model that the graph was written for.
        """
        count = max(len(original.labels), 1)
        scores = names[-1] if original.has_scores else None
        shares = names[count : 2 * count] if original.has_probabilities else ()
        return cls(tuple(names[:count]), tuple(shares), scores)

    @property
    def all(self) -> list[str]:
        """All names, in the order of the graph's outputs."""
        return [*self.labels, *self.probabilities, *([self.scores] if self.scores else [])]

    def decode(self, arrays: Sequence[Array], original: FittedEstimator) -> Answers:
        """Read what a run returned.

        Args:
            arrays: The values of all outputs, in their order.
            original: The model that the graph was written for.
        """
        count = len(self.labels)
        given = [a[:, 0] if a.ndim == 2 and a.shape[1] == 1 else a for a in arrays[:count]]
        if original.task == "transformation":
            return Answers(arrays[0])
        if not original.labels:
            return Answers(given[0])
        decoded = [c.decode(codes) for c, codes in zip(original.labels, given, strict=True)]
        labels = np.column_stack(decoded) if original.has_several_labels else decoded[0]
        shares = arrays[count : count + len(self.probabilities)]
        return Answers(
            labels,
            np.concatenate(shares, axis=1) if shares else None,
            arrays[-1] if self.scores else None,
        )
