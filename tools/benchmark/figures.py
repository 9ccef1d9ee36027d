"""Figures of repeated measurements: interleaved rounds, medians, spread, paired ratios."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# What one measurement gave, such as {"rate": 39000.0, "p99_ms": 0.6}.
Figures = dict[str, float]
# By measurement, such as "single/penguins-random-forest/16/direct"; one entry per round.
Results = dict[str, list[Figures]]


class Spread(NamedTuple):
    """A median and the extremes around it."""

    median: float
    low: float
    high: float


def interleave(
    measures: Mapping[str, Callable[[], Figures]],
    rounds: int,
    note: Callable[[str, Figures], None] = lambda _name, _figures: None,
) -> Results:
    """Measure everything once per round, every other round backwards.

    What drifts meanwhile, such as the machine's clock, so meets all of them alike.

    Args:
        measures: What to measure, by name.
        rounds: How often.
        note: Called with each measurement.
    """
    results: Results = {name: [] for name in measures}
    for number in range(rounds):
        names = list(measures)
        for name in reversed(names) if number % 2 else names:
            figures = measures[name]()
            results[name].append(figures)
            note(name, figures)
    return results


def spread(values: Iterable[float]) -> Spread:
    """Sum up the values of several rounds; there has to be one at least."""
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found))


def column(results: Results, name: str, field: str) -> list[float]:
    """Give one field of a measurement, round by round."""
    return [figures[field] for figures in results[name]]


def ratios(results: Results, over: str, under: str, field: str) -> Sequence[float]:
    """Divide two measurements round by round, so that both have met the same conditions.

    A round in which the second was 0, as on a machine that is full of other work, gives infinity.
    """
    pairs = zip(column(results, over, field), column(results, under, field), strict=True)
    return [upper / lower if lower else math.inf for upper, lower in pairs]
