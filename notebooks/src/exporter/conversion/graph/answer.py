"""What an estimator answers, as names in a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Final(NamedTuple):
    """The classifier whose label and probabilities are what the file answers.

    Attributes:
        estimator: The fitted estimator.
        codes: What the file holds for each class: texts or integers.
    """

    estimator: Any
    codes: Sequence[str | int]


@dataclass(frozen=True)
class Answer:
    """Names of tensors; what nothing reads is dropped from the graph in the end.

    Attributes:
        index: Index of the predicted class, int64 of shape ``[rows]``.
        probabilities: Shape ``[rows, classes]``.
        scores: What ``decision_function`` gives, as ``[rows, 1]`` for two classes; the distances to
            clusters; or a function that adds it to the graph.
        value: A regressor's prediction, shape ``[rows, targets]``.
        targets: The answer for each label, where there are several.
        label: The predicted class as the file holds it, ``[rows]``, with float32 probabilities;
            only of the :class:`Final` classifier, which then needs no index.
    """

    index: str | None = None
    probabilities: str | None = None
    scores: str | Callable[[], str] | None = None
    value: str | None = None
    targets: list[Answer] = field(default_factory=list)
    label: str | None = None

    def need_index(self) -> str:
        """Return the index, which a classifier has."""
        return _present(self.index, "a label")

    def need_probabilities(self) -> str:
        """Return the probabilities.

        Raises:
            ConversionError: There are none.
        """
        return _present(self.probabilities, "probabilities")

    def need_scores(self) -> str:
        """Return the scores.

        Raises:
            ConversionError: There are none.
        """
        return self.scores() if callable(self.scores) else _present(self.scores, "scores")

    def need_value(self) -> str:
        """Return a regressor's value."""
        return _present(self.value, "a value")


def _present(name: str | None, what: str) -> str:
    if name is None:
        raise ConversionError(
            f"an estimator gives no {what[2:] if what[:2] == 'a ' else what}, which are "
            "needed here: use another one"
        )
    return name
