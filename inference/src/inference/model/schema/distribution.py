"""How values were distributed in training: what served values are compared with."""

from __future__ import annotations

import msgspec


class Histogram(msgspec.Struct, frozen=True, omit_defaults=True):
    """How numbers were distributed in training.

    Attributes:
        edges: Quantiles of the training values, or the middles between up to 10 distinct values;
            ascending; ``n + 1`` edges of ``n`` bins.
        counts: Training rows per bin; the last bin includes its upper edge.
    """

    edges: list[float]
    counts: list[int]


class AnswerDistribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the original answered to the training rows; one of the two fields is given.

    Attributes:
        counts: Training rows by label, in the order of the classes (of its target).
        histogram: Distribution of the values (regression).
    """

    counts: list[int] | None = None
    histogram: Histogram | None = None
