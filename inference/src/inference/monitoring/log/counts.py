"""Counts rows that were logged, and rows that were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.monitoring.log.rows.schema import Schema
    from inference.telemetry.counters import Counters

LOGGED, LOST = "logged", "lost"  # the first part of a series' key


class LogCounts:
    """Counts rows; use it from one thread.

    Args:
        counters: Of stride 1.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def logged(self, schema: Schema, rows: int) -> None:
        """Count rows that are in a journal."""
        self._add((LOGGED, schema.model, str(schema.version)), rows)

    def lost(self, reason: str, rows: int) -> None:
        """Count rows that could not be written: ``full``, ``gone``, ``behind`` or ``error``."""
        self._add((LOST, reason), rows)

    def _add(self, key: tuple[str, ...], rows: int) -> None:
        self._counters.values[self._counters.find(key)] += rows
