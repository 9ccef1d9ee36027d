"""The limits on waiting requests: past them a request is refused at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import OverloadedError

if TYPE_CHECKING:
    from inference.telemetry.counters import Counters


class Waiting:
    """Counts the requests of one kind that wait or run.

    Args:
        what: The kind, in the plural, for error messages.
        most: How many may wait in all.
        most_per_model: How many may wait for one model.
        counts: Counts them by model.
    """

    def __init__(self, what: str, most: int, most_per_model: int, counts: Counters) -> None:
        self._what = what
        self._most = most
        self._most_per_model = most_per_model
        self._counts = counts
        self._in_all = 0

    def enter(self, model: str) -> None:
        """Count a request.

        Raises:
            OverloadedError: Too many wait.
        """
        index = self._counts.find((model,))
        waiting = self._counts.values[index]
        if self._in_all >= self._most or waiting >= self._most_per_model:
            raise OverloadedError(
                f"{waiting:.0f} {self._what} wait for model '{model}' and {self._in_all} in all: "
                "too many, try again later"
            )
        self._in_all += 1
        self._counts.values[index] = waiting + 1

    def leave(self, model: str) -> None:
        """Count a request no longer."""
        self._in_all -= 1
        self._counts.values[self._counts.find((model,))] -= 1
