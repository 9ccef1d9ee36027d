"""Criteria: bounds on figures, and whether they hold; :mod:`benchmark.requirements` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmark.figures import column, ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmark.figures import Results, Spread


@dataclass(frozen=True)
class Criterion:
    """One bound.

    Attributes:
        group: Those of one group are about the same promise.
        what: Which figure, in words.
        side: On which side of the bound it has to be.
        bound: The bound.
        unit: Of both; empty for a ratio.
        values: Gives the figure of each round; raises ``KeyError`` where it was not measured.
        in_every_round: Whether the worst round counts, and not the median.
    """

    group: str
    what: str
    side: Literal["at least", "at most"]
    bound: float
    unit: str
    values: Callable[[Results], Sequence[float]]
    in_every_round: bool = False


@dataclass(frozen=True)
class Verdict:
    """What became of a criterion; ``measured`` is ``None`` where it was not measured."""

    criterion: Criterion
    measured: Spread | None

    @property
    def holds(self) -> bool | None:
        """Whether the median, or the worst round, is on the right side."""
        if self.measured is None:
            return None
        median, low, high = self.measured
        worst = self.criterion.in_every_round
        if self.criterion.side == "at least":
            return (low if worst else median) >= self.criterion.bound
        return (high if worst else median) <= self.criterion.bound


def judge(criteria: Iterable[Criterion], results: Results) -> list[Verdict]:
    """Hold every criterion against what was measured."""
    verdicts: list[Verdict] = []
    for criterion in criteria:
        try:
            measured = spread(criterion.values(results))
        except KeyError:
            measured = None
        verdicts.append(Verdict(criterion, measured))
    return verdicts


def ratio_of(over: str, under: str, field: str = "rate") -> Callable[[Results], Sequence[float]]:
    """Return what divides two measurements round by round."""
    return lambda results: ratios(results, over, under, field)


def field_of(name: str, field: str) -> Callable[[Results], Sequence[float]]:
    """Return what gives a field of a measurement round by round."""
    return lambda results: column(results, name, field)


def failures_of(prefix: str) -> Callable[[Results], Sequence[float]]:
    """Return what counts the failed requests of all measurements whose names begin like this."""

    def count(results: Results) -> Sequence[float]:
        names = [name for name in results if name.startswith(prefix)]
        if not names:
            raise KeyError(prefix)
        return [sum(figures["failures"] for name in names for figures in results[name])]

    return count
