"""Where a process keeps its numbers: one array of doubles, and a table of what stands where.

With several workers each has a ledger in a file of its own, named after the worker's number:
whichever worker is asked for metrics reads all of them, and a worker that died is succeeded by one
that goes on in the same file, so that no count is lost and no file is left over (prometheus
client_python#275, #568).
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_DOUBLE = 8
_VALUES_BYTES = 4 * 1024 * 1024  # some 5,000 series; what comes after is counted together
_TABLE_SUFFIX = ".table"
_VALUES_SUFFIX = ".values"

Key = tuple[str, ...]


class Ledger:
    """One process's numbers.

    Args:
        stride: Doubles of one series.
        path: File (two suffixes are appended) that other processes read; ``None`` keeps the numbers
            in memory.

    Attributes:
        values: All numbers; ``values[place(key) + i]`` is the ``i``-th of a series.
    """

    def __init__(self, stride: int, path: Path | None = None) -> None:
        self._stride = stride
        self._places: dict[Key, int] = {}
        self._table = None
        if path is None:
            memory: mmap.mmap = mmap.mmap(-1, _VALUES_BYTES)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            values = path.with_name(path.name + _VALUES_SUFFIX)
            with values.open("a+b") as file:
                file.truncate(_VALUES_BYTES)
                memory = mmap.mmap(file.fileno(), _VALUES_BYTES)
            table = path.with_name(path.name + _TABLE_SUFFIX)
            for place, key in enumerate(_read_table(table)):
                self._places[key] = place * stride
            self._table = table.open("ab", buffering=0)
        self.values = memoryview(memory).cast("d")
        self._room = len(self.values) // stride - 1

    def place(self, key: Key) -> int:
        """Find where a series begins, or make room for it."""
        place = self._places.get(key)
        return self._add(key) if place is None else place

    def items(self) -> Iterator[tuple[Key, Sequence[float]]]:
        """Give every series of this process."""
        for key, place in list(self._places.items()):
            yield key, self.values[place : place + self._stride].tolist()

    def _add(self, key: Key) -> int:
        if len(self._places) >= self._room:
            return self._room * self._stride  # the last one takes all that finds no room
        place = self._places[key] = len(self._places) * self._stride
        if self._table is not None:
            self._table.write(msgspec.json.encode(key) + b"\n")
        return place


def read_ledgers(folder: Path, stride: int) -> Iterator[tuple[Key, Sequence[float]]]:
    """Give every series of every process that keeps its ledger in a folder."""
    for table in sorted(folder.glob(f"*{_TABLE_SUFFIX}")):
        keys = _read_table(table)
        with table.with_suffix(_VALUES_SUFFIX).open("rb") as file:
            values = memoryview(file.read(len(keys) * stride * _DOUBLE)).cast("d")
        for index, key in enumerate(keys):
            yield key, values[index * stride : (index + 1) * stride].tolist()


def _read_table(path: Path) -> list[Key]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [tuple(map(str, msgspec.json.decode(line, type=list[str | int]))) for line in lines]
