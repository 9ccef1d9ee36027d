"""Where the synchronization stands, in memory that all processes share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from inference.runtime.shared_memory import SharedArray

if TYPE_CHECKING:
    from collections.abc import MutableSequence

_STATE, _SINCE, _SUCCESS, _VERSIONS, _BYTES, _COPIED, _PASSES, _FAILED = range(8)
SYNC_STATUS = SharedArray("d", 8)

State = Literal["starting", "ok", "away"]
_STATES: tuple[State, ...] = ("starting", "ok", "away")


class SyncStatus:
    """The numbers of the process that copies versions; read by every worker.

    Args:
        values: An array of the kind :data:`SYNC_STATUS`; ``None`` for private memory.
    """

    def __init__(self, values: MutableSequence[float] | memoryview[Any] | None = None) -> None:
        self._values = SYNC_STATUS.allocate() if values is None else values

    @property
    def state(self) -> State:
        """``starting`` until the first pass has ended, ``away`` after one that failed."""
        return _STATES[int(self._values[_STATE])]

    @property
    def since(self) -> float:
        """When the state began, in seconds since 1970."""
        return float(self._values[_SINCE])

    @property
    def last_success(self) -> float:
        """When the last complete pass ended, in seconds since 1970; 0 if there was none."""
        return float(self._values[_SUCCESS])

    @property
    def versions(self) -> int:
        """How many versions have been copied from the store and are here."""
        return int(self._values[_VERSIONS])

    @property
    def copied_bytes(self) -> float:
        """What was copied since the start."""
        return float(self._values[_BYTES])

    @property
    def copied_versions(self) -> float:
        """How many versions were copied since the start."""
        return float(self._values[_COPIED])

    @property
    def passes(self) -> float:
        """How many passes have ended since the start, failed ones included."""
        return float(self._values[_PASSES])

    @property
    def failed_passes(self) -> float:
        """How many of them failed in whole or in part."""
        return float(self._values[_FAILED])

    def succeeded(self, versions: int) -> None:
        """Note the end of a complete pass."""
        self._enter("ok")
        self._values[_SUCCESS] = time.time()
        self._values[_VERSIONS] = versions
        self._values[_PASSES] += 1

    def failed(self, *, away: bool) -> None:
        """Note the end of a pass that failed in whole, or of which single versions failed."""
        self._values[_PASSES] += 1
        self._values[_FAILED] += 1
        self._enter("away" if away else "ok")

    def copied(self, versions: int, size_bytes: int) -> None:
        """Count what was copied."""
        self._values[_COPIED] += versions
        self._values[_BYTES] += size_bytes

    def _enter(self, state: State) -> None:
        number = _STATES.index(state)
        if self._values[_STATE] != number or not self._values[_SINCE]:
            self._values[_SINCE] = time.time()
            self._values[_STATE] = number
