"""Find the logged answer to a row of a request, in the files and journals of all processes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.monitoring.log.files.index_file import ENDING, IndexedRows, decode_index
from inference.monitoring.log.files.journal import journal_paths
from inference.monitoring.log.files.retention import row_folders
from inference.monitoring.log.rows.index import hash_ids
from inference.monitoring.log.rows.logged_rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from inference.monitoring.log.rows.schema import Schema
    from inference.monitoring.log.rows.truth_kind import TruthKind

_CACHE_BYTES = 64 * 1024**2


class Answered(NamedTuple):
    """A logged answer.

    Attributes:
        model: The model's name.
        version: The version that answered.
        kind: What its truth is; ``None`` if its answers have none.
        time: When it answered, in seconds since the epoch.
        answer: The label or value, or an object of them; ``None`` without a kind.
    """

    model: str
    version: int
    kind: TruthKind | None
    time: float
    answer: Any


class _ReadJournal(NamedTuple):
    """What has been read of a journal."""

    end: int
    schemas: dict[str, Schema]
    rows: list[IndexedRows]


class AnswerLookup:
    """Finds answers in a folder that this and other processes write to.

    Use it from one thread at a time. It keeps the latest indexes, up to 64 MiB, and reads the
    others each time.

    Args:
        root: The folder of the log.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._journals: dict[Path, _ReadJournal] = {}
        self._names: dict[Path, tuple[int, list[Path]]] = {}
        self._cache: dict[Path, IndexedRows] = {}
        self._cached_bytes = 0

    def find(self, rows: Sequence[tuple[str, int]]) -> list[Answered | None]:
        """Return the answer to each row of a request, the latest one if there are several.

        Args:
            rows: The id of the request, and the row in it.
        """
        hashed = hash_ids([request_id.encode() for request_id, _ in rows])
        numbers = np.array([row for _, row in rows], np.int64)
        found: list[Answered | None] = [None] * len(rows)
        # A journal becomes files while this reads: what has left it is in a file by then.
        for indexed in (*self._in_journals(), *self._in_files()):
            for asked, place in indexed.answers.find(hashed, numbers):
                answered, best = _answered(indexed, place), found[asked]
                if best is None or answered.time >= best.time:
                    found[asked] = answered
        return found

    def _in_journals(self) -> Iterator[IndexedRows]:
        known, self._journals = self._journals, {}
        for path in journal_paths(self._root):
            end, schemas, rows = known.get(path) or _ReadJournal(0, {}, [])
            with contextlib.suppress(OSError), path.open("rb") as file:
                file.seek(end)
                ends = 0
                for logged, ends in read_rows(memoryview(file.read()), schemas):  # noqa: B007
                    rows.append(IndexedRows.of(logged))
                self._journals[path] = _ReadJournal(end + ends, schemas, rows)
                yield from rows

    def _in_files(self) -> Iterator[IndexedRows]:
        paths = sorted(self._index_paths(), key=lambda path: path.parent.name, reverse=True)
        for gone in self._cache.keys() - set(paths):
            self._cached_bytes -= self._cache.pop(gone).size_bytes
        for path in paths:
            indexed = self._read(path)
            if indexed is not None:
                yield indexed

    def _index_paths(self) -> list[Path]:
        """Return all indexes; folders that have not changed are not read again."""
        known, self._names = self._names, {}
        for folder in row_folders(self._root):
            with contextlib.suppress(OSError):
                changed = folder.stat().st_mtime_ns
                before = known.get(folder)
                if before is None or before[0] != changed:
                    before = changed, list(folder.glob(f".*{ENDING}"))
                self._names[folder] = before
        return [path for _, paths in self._names.values() for path in paths]

    def _read(self, path: Path) -> IndexedRows | None:
        indexed = self._cache.get(path)
        if indexed is not None:
            return indexed
        try:
            indexed = decode_index(path.read_bytes())
        except OSError:  # the retention time is over
            return None
        if indexed is not None and self._has_room(path, indexed.size_bytes):
            self._cache[path] = indexed
            self._cached_bytes += indexed.size_bytes
        return indexed

    def _has_room(self, path: Path, size: int) -> bool:
        """Whether an index can be kept; older ones make room for it."""
        while self._cached_bytes + size > _CACHE_BYTES:
            oldest = min(self._cache, key=_age, default=path)
            if size > _CACHE_BYTES or _age(oldest) >= _age(path):
                return False
            self._cached_bytes -= self._cache.pop(oldest).size_bytes
        return True


def _age(path: Path) -> tuple[str, str]:
    """Return the day and the time of a file; the oldest is the least."""
    return path.parent.name, path.name


def _answered(indexed: IndexedRows, place: int) -> Answered:
    kind, index = indexed.kind, indexed.answers
    answer = None if kind is None else kind.decode(index.answers[place].tolist())
    return Answered(indexed.model, indexed.version, kind, float(index.times[place]), answer)
