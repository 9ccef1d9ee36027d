"""A pipeline of the corpus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A model and the data set it is fitted on.

    Attributes:
        data: Name of the data set, see :func:`acceptance.corpus.datasets.load`.
        model: The estimator, not fitted.
        refused: Part of the message with which it is refused; ``None`` where it is published.
        columns: The columns of the data set it is given; all where there are none.
    """

    data: str
    model: Any
    refused: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Describe the case in one line."""
        return f"{self.data}: {' '.join(repr(self.model).split())}"


def cases(data: str, *models: Any) -> list[Case]:
    """Fit several models on one data set; each is to be published."""
    return [Case(data, model) for model in models]
