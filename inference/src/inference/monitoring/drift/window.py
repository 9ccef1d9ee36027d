"""The rows that served values are counted over: a sliding window in the memory of all workers.

Each worker counts in memory of its own that the others read, so that every worker reports the rows
of all, and the successor of a killed worker continues where it ended. What one worker counts of one
version is a block: a ring of slices, each of which has a share of the window's rows. The window is
made of the newest slices of all workers; the oldest of a worker's is counted anew when it is full.

A block begins with its length, the number of its cells, which slice is current, when it was last
written, and its key as JSON. Then come the counts since the beginning, and the slices. Before the
cells of each are the time of its first and last row, the served rows, the rows looked at, and the
sum of the squared number of rows that each of these stands for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from inference.runtime.shared_memory import Section, SharedMemory
from inference.telemetry.recorder import COUNTER_ARRAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Array = np.ndarray[Any, Any]

DRIFT = "drift"
DRIFT_ARRAY = COUNTER_ARRAYS[DRIFT]  # of a worker; pages that are written use memory
SLICES = 12
_PARTS = 10  # of the window, in a slice each; the ring has more, since one is always being filled

_GENERATION, _USED, _ARENA_HEAD = 0, 1, 2
_LENGTH, _CELLS, _CURRENT, _WRITTEN, _KEY, _BLOCK_HEAD = 0, 1, 2, 3, 4, 28
_KEY_BYTES = 8 * (_BLOCK_HEAD - _KEY)
_BEGIN, _END, _ROWS, _EXAMINED, _SQUARES, _HEAD = range(6)
_TRIES = 3

Key = tuple[str, int, str]


class Limits(NamedTuple):
    """How long the window is.

    Attributes:
        least_rows: At least so many rows, however old.
        most_rows: At most so many, about.
        seconds: Not older, beyond the least rows.
    """

    least_rows: int = 1_000
    most_rows: int = 100_000
    seconds: float = 86_400.0


class Counted(NamedTuple):
    """Rows that were counted.

    Attributes:
        begin: When the first was counted; seconds of :func:`time.monotonic`.
        end: When the last was counted.
        rows: Rows that were served.
        examined: Rows that were looked at; fewer where only a sample was.
        effective: Rows that were looked at, fewer if they stand for different numbers of rows: as
            many equal ones would give the same variance (Kish).
        counts: Served rows by cell; estimated from the sample. Shape ``[cells]``.
    """

    begin: float
    end: float
    rows: float
    examined: float
    effective: float
    counts: Array


class Windows:
    """The counts of all versions.

    Args:
        limits: How long a window is.
        section: Where the workers' counts are; ``None`` for a memory of this process.
        clock: Returns seconds, equal in all processes of the machine.
    """

    def __init__(
        self,
        limits: Limits,
        section: Section | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        section = section or Section(SharedMemory({}, {DRIFT: DRIFT_ARRAY}))
        views = section.memory.arrays(DRIFT)
        self._arenas = [np.frombuffer(view, dtype=np.float64) for view in views]
        self._own = self._arenas[section.worker]
        self._limits = limits
        self._clock = clock
        if self._own[_GENERATION] % 2:  # the predecessor was killed while it made room
            self._own[_USED] = 0
            self._own[_GENERATION] += 1
        self._own[_USED] = max(self._own[_USED], _ARENA_HEAD)
        self._offsets = dict(_blocks(self._own))

    def add(self, key: Key, counts: Array, rows: float, examined: float) -> None:
        """Count rows.

        Args:
            key: The version.
            counts: Rows by cell, always as many cells for the same key.
            rows: Rows that were served.
            examined: Rows that were looked at.
        """
        now = self._clock()
        name, cells = self.encode(key), len(counts)
        offset = self._offsets.get(name)
        if offset is None:
            offset = self._make(name, cells)
        block = self._own[offset : offset + _length(cells)]
        total, slices = _views(block, cells)
        current = slices[int(block[_CURRENT])]
        if self._is_full(current, now):
            block[_CURRENT] = (block[_CURRENT] + 1) % SLICES
            current = slices[int(block[_CURRENT])]
            current[:] = 0
        for part in (total, current):
            part[_HEAD:] += counts
            part[_ROWS] += rows
            part[_EXAMINED] += examined
            part[_SQUARES] += rows * rows / examined
            part[_END] = now
            if not part[_BEGIN]:
                part[_BEGIN] = now
        block[_WRITTEN] = now

    def total(self, key: Key, cells: int) -> Counted | None:
        """Return what all workers have counted; ``None`` without rows."""
        return _add_up([_views(block, cells)[0] for block in self._read(self.encode(key), cells)])

    def window(self, key: Key, cells: int) -> Counted | None:
        """Return what all workers have counted within the window; ``None`` without rows."""
        found: list[Array] = []
        for block in self._read(self.encode(key), cells):
            found += [part for part in _views(block, cells)[1] if part[_EXAMINED] > 0]
        found.sort(key=lambda part: -float(part[_END]))
        least, most, seconds = self._limits
        oldest = self._clock() - seconds
        chosen: list[Array] = []
        rows = 0.0
        for part in found:
            is_old = part[_END] < oldest
            # One large batch may be more than the window has: few rows after it do not replace it.
            is_full = rows + part[_EXAMINED] > most and rows * 2 >= most
            if chosen and rows >= least and (is_old or is_full):
                break
            chosen.append(part)
            rows += part[_EXAMINED]
        return _add_up(chosen)

    def keys(self) -> set[bytes]:
        """Return the encoded keys of all versions that any worker has counted."""
        return {key for arena in self._arenas for key, _ in _blocks(arena)}

    @staticmethod
    def encode(key: Key) -> bytes:
        """Return a key as it is in the memory."""
        return msgspec.json.encode(key)[:_KEY_BYTES]

    def age(self, counted: Counted) -> float:
        """Return how many seconds ago the first of some rows was counted."""
        return max(self._clock() - counted.begin, 0.0)

    def _is_full(self, part: Array, now: float) -> bool:
        least, most, seconds = self._limits
        if part[_EXAMINED] * _PARTS >= most:
            return True
        is_old = (now - part[_BEGIN]) * _PARTS >= seconds
        return bool(is_old and part[_EXAMINED] * _PARTS >= least)

    def _make(self, name: bytes, cells: int) -> int:
        own, length = self._own, _length(cells)
        if own[_USED] + length > len(own):
            self._make_room(length)
        offset = int(own[_USED])
        block = own[offset : offset + length]
        block[:] = 0
        block[_LENGTH], block[_CELLS] = length, cells
        block[_KEY:_BLOCK_HEAD].view(np.uint8)[: len(name)] = np.frombuffer(name, np.uint8)
        own[_USED] += length  # last: until then no other process sees the block
        self._offsets[name] = offset
        return offset

    def _make_room(self, length: int) -> None:
        """Forget what was not counted for longest, until half of the memory is free."""
        own = self._own
        found = [(own[at : at + int(own[at])].copy(), key) for key, at in _blocks(own)]
        found.sort(key=lambda pair: -float(pair[0][_WRITTEN]))
        own[_GENERATION] += 1  # readers try again
        self._offsets, at = {}, _ARENA_HEAD
        for block, key in found:
            if at + len(block) + length > len(own) // 2:
                break
            own[at : at + len(block)] = block
            self._offsets[key] = at
            at += len(block)
        own[_USED] = at
        own[_GENERATION] += 1

    def _read(self, name: bytes, cells: int) -> Iterator[Array]:
        """Return a copy of each worker's block."""
        for arena in self._arenas:
            for _ in range(_TRIES):
                generation = arena[_GENERATION]
                block = next(
                    (
                        arena[at : at + int(arena[at])].copy()
                        for key, at in _blocks(arena)
                        if key == name and arena[at + _CELLS] == cells
                    ),
                    None,
                )
                if generation == arena[_GENERATION] and not generation % 2:
                    if block is not None and len(block) == _length(cells):
                        yield block
                    break


def _blocks(arena: Array) -> Iterator[tuple[bytes, int]]:
    """Return the key of each block, and where it begins."""
    at, used = _ARENA_HEAD, min(int(arena[_USED]), len(arena))
    while at + _BLOCK_HEAD <= used:
        length = int(arena[at])
        if length < _BLOCK_HEAD or at + length > used:
            return
        yield arena[at + _KEY : at + _BLOCK_HEAD].tobytes().rstrip(b"\0"), at
        at += length


def _views(block: Array, cells: int) -> tuple[Array, Array]:
    """Return the counts since the beginning, and the slices."""
    parts = block[_BLOCK_HEAD:].reshape(SLICES + 1, _HEAD + cells)
    return parts[0], parts[1:]


def _length(cells: int) -> int:
    return _BLOCK_HEAD + (SLICES + 1) * (_HEAD + cells)


def _add_up(parts: list[Array]) -> Counted | None:
    parts = [part for part in parts if part[_EXAMINED] > 0]
    if not parts:
        return None
    whole = np.sum(parts, axis=0)
    begin = min(float(part[_BEGIN]) for part in parts)
    end = max(float(part[_END]) for part in parts)
    rows = float(whole[_ROWS])
    effective = rows * rows / float(whole[_SQUARES]) if whole[_SQUARES] > 0 else 0.0
    return Counted(begin, end, rows, float(whole[_EXAMINED]), effective, whole[_HEAD:])
