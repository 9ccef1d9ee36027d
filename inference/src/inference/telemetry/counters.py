"""Counters that processes share: series of doubles, each with a key.

Every worker has a section of shared memory for each kind. Any worker can report the metrics of
all. The successor of a dead worker continues in the same section, so that no count is lost and
nothing is left over (prometheus client_python#275, #568).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from inference.runtime.shared_memory import Section, SharedArray, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DOUBLE = 8
# In front of a series' numbers: the length of its key in bytes, then the key, as JSON.
_KEY_DOUBLES = 24
_LENGTH_BYTES = 2
_LONGEST_KEY = _KEY_DOUBLES * _DOUBLE - _LENGTH_BYTES
_SERIES = 4096

Key = tuple[str, ...]
Series = tuple[Key, "Sequence[float]"]


def counters_array(stride: int, series: int = _SERIES) -> SharedArray:
    """Return the array that holds so many series."""
    return SharedArray("d", series * (_KEY_DOUBLES + stride))


class Counters:
    """One process's numbers of one kind.

    Args:
        kind: Tells counters of one process apart; the name of its section.
        stride: Doubles of one series.
        section: Where all processes' numbers are; ``None`` keeps them to this one.
        volatile: Whether the numbers end with the process, as a queue's length does.

    Attributes:
        values: All numbers; ``values[find(key) + i]`` is the ``i``-th of a series.
    """

    def __init__(
        self, kind: str, stride: int, section: Section | None = None, *, volatile: bool = False
    ) -> None:
        self._stride = stride
        if section is None:
            section = Section(SharedMemory({}, {kind: counters_array(stride)}))
        self._arrays = section.memory.arrays(kind)
        self.values = self._arrays[section.worker]
        self._own = self.values.cast("B")
        self._width = _KEY_DOUBLES + stride
        self._room = len(self.values) // self._width - 1
        self._indices = dict(self._read_keys(self._own))
        if volatile:
            for begin in self._indices.values():
                self.values[begin : begin + stride] = SharedArray("d", stride).allocate()

    def find(self, key: Key) -> int:
        """Find where a series begins, or make room for it."""
        index = self._indices.get(key)
        return self._add(key) if index is None else index

    def items(self) -> Iterator[Series]:
        """Return every series of every process; a key may come once from each."""
        for values in self._arrays:
            for key, index in self._read_keys(values.cast("B")):
                yield key, values[index : index + self._stride].tolist()

    def own_items(self) -> Iterator[Series]:
        """Return every series of this process."""
        for key, index in list(self._indices.items()):
            yield key, self.values[index : index + self._stride].tolist()

    def _add(self, key: Key) -> int:
        encoded = msgspec.json.encode(key)
        index = len(self._indices)
        if index >= self._room or len(encoded) > _LONGEST_KEY:
            # The last one takes all that finds no room.
            return self._room * self._width + _KEY_DOUBLES
        begin = index * self._width * _DOUBLE
        text = begin + _LENGTH_BYTES
        self._own[text : text + len(encoded)] = encoded
        # The length comes last: until then no other process sees a key here.
        self._own[begin:text] = len(encoded).to_bytes(_LENGTH_BYTES, "little")
        first = self._indices[key] = index * self._width + _KEY_DOUBLES
        return first

    def _read_keys(self, section: memoryview) -> Iterator[tuple[Key, int]]:
        """Return the keys of a section, and where their numbers begin."""
        for index in range(self._room):
            begin = index * self._width * _DOUBLE
            text = begin + _LENGTH_BYTES
            length = int.from_bytes(section[begin:text], "little")
            if not length:
                return
            encoded = msgspec.json.decode(section[text : text + length], type=list[str])
            yield tuple(encoded), index * self._width + _KEY_DOUBLES
