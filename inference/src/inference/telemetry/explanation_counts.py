"""How many rows were explained, and how many rows the models ran for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.telemetry.counters import Counters

EXPLAINED, EXPLAINED_ROWS = "explained", "explained-rows"  # the first part of a series' key


class ExplanationCounts:
    """Counts explanations.

    Args:
        counters: Of stride 1; a key is what is counted, model, version, method.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def add(self, servable: Servable, method: str, count: int, rows: int) -> None:
        """Count explanations.

        Args:
            servable: The model.
            method: ``exact`` or ``sampled``.
            count: How many rows were explained.
            rows: How many rows were run for that.
        """
        key = servable.name, str(servable.version), method
        for what, number in ((EXPLAINED, count), (EXPLAINED_ROWS, rows)):
            self._counters.values[self._counters.find((what, *key))] += number
