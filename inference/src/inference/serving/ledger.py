"""Where processes keep their numbers: an array of doubles each, and a table of what stands where.

With several workers each ledger is a file, named after the worker's number. Whichever worker is
asked for metrics reads all of them, and a worker that died is succeeded by one that goes on in the
same file, so that no count is lost and no file is left over (prometheus client_python#275, #568).
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_DOUBLE = 8
_VALUES_BYTES = 4 * 1024 * 1024  # some 5,000 series of the widest kind

Key = tuple[str, ...]
Series = tuple[Key, "Sequence[float]"]


class Place(NamedTuple):
    """Where the ledgers of all workers lie, and which of them is ours."""

    folder: Path
    worker: int


class Ledger:
    """One process's numbers of one kind.

    Args:
        kind: Tells ledgers of one process apart.
        stride: Doubles of one series.
        place: Where other processes find it; ``None`` keeps it in memory.
        volatile: Whether the numbers end with the process, as a queue's length does.

    Attributes:
        values: All numbers; ``values[find(key) + i]`` is the ``i``-th of a series.
        on_read: Called before the items are read here.
    """

    def __init__(
        self, kind: str, stride: int, place: Place | None = None, *, volatile: bool = False
    ) -> None:
        self.on_read: Callable[[], None] = _nothing
        self._kind = kind
        self._stride = stride
        self._places: dict[Key, int] = {}
        self._table = None
        self._folder = place.folder if place else None
        if place is None:
            memory: mmap.mmap = mmap.mmap(-1, _VALUES_BYTES)
        else:
            table = place.folder / f"worker-{place.worker}.{kind}.table"
            with table.with_suffix(".values").open("w+b" if volatile else "a+b") as file:
                file.truncate(_VALUES_BYTES)
                memory = mmap.mmap(file.fileno(), _VALUES_BYTES)
            for index, key in enumerate(_read_table(table)):
                self._places[key] = index * stride
            self._table = table.open("ab", buffering=0)
        self.values = memoryview(memory).cast("d")
        self._room = len(self.values) // stride - 1

    def find(self, key: Key) -> int:
        """Find where a series begins, or make room for it."""
        place = self._places.get(key)
        return self._add(key) if place is None else place

    def items(self) -> Iterator[Series]:
        """Give every series of every process; a key may come once from each."""
        self.on_read()
        if self._folder is None:
            for key, place in list(self._places.items()):
                yield key, self.values[place : place + self._stride].tolist()
            return
        for table in sorted(self._folder.glob(f"worker-*.{self._kind}.table")):
            yield from _read_values(table, self._stride)

    def _add(self, key: Key) -> int:
        if len(self._places) >= self._room:
            return self._room * self._stride  # the last one takes all that finds no room
        place = self._places[key] = len(self._places) * self._stride
        if self._table is not None:
            self._table.write(msgspec.json.encode(key) + b"\n")
        return place


def _nothing() -> None:
    pass


def share_number(place: Place | None) -> memoryview[float]:
    """Give one number that all workers share, and that begins at 0."""
    if place is None:
        return memoryview(bytearray(_DOUBLE)).cast("d")
    with (place.folder / "changes").open("a+b") as file:
        file.truncate(_DOUBLE)
        return memoryview(mmap.mmap(file.fileno(), _DOUBLE)).cast("d")


def _read_values(table: Path, stride: int) -> Iterator[Series]:
    keys = _read_table(table)
    with table.with_suffix(".values").open("rb") as file:
        values = memoryview(file.read(len(keys) * stride * _DOUBLE)).cast("d")
    for index, key in enumerate(keys):
        yield key, values[index * stride : (index + 1) * stride].tolist()


def _read_table(path: Path) -> list[Key]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [tuple(msgspec.json.decode(line, type=list[str])) for line in lines]
