"""The latest truths of each version, read from the files of all processes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from inference.monitoring.feedback.records import decode_records
from inference.monitoring.feedback.scores import Scores, score
from inference.monitoring.feedback.store import ENDING
from inference.monitoring.log.files.retention import feedback_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from inference.monitoring.feedback.records import Record

# How many of the latest rows with a truth the metrics are of.
WINDOWS = (1_000, 10_000)
_REFRESH_SECONDS = 2.0
_TAIL_BYTES = 8 * 1024**2  # of one file when it is first read; more than the largest window
_MOST_RECORDS = 4 * WINDOWS[-1]  # that are collected of one version before the oldest are left out

Version = tuple[str, int]


class RecentTruths:
    """The latest truths, of which the last one of a row counts.

    Args:
        root: The folder of the log.
        clock: Returns seconds.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._lock = threading.Lock()
        self._read: dict[Path, int] = {}
        self._rows: dict[Version, list[Record]] = {}
        self._scores: dict[Version, dict[int, Scores]] = {}
        self._refresh_at = 0.0

    def scores(self) -> dict[Version, dict[int, Scores]]:
        """Return the scores of each version by window; at most two seconds old."""
        with self._lock:
            if self._clock() >= self._refresh_at:
                self._refresh()
                self._refresh_at = self._clock() + _REFRESH_SECONDS
            return self._scores

    def _refresh(self) -> None:
        found: dict[Version, list[Record]] = defaultdict(list)
        known, self._read = self._read, {}
        for folder in feedback_folders(self._root):
            number = folder.parent.parent
            if not number.name.isdecimal():
                continue
            version = number.parent.name, int(number.name)
            for path in folder.glob(f"*{ENDING}"):
                with contextlib.suppress(OSError):
                    found[version] += self._read_new(path, known.get(path))
                if len(found[version]) > _MOST_RECORDS:
                    found[version] = _latest(found[version])
        gone = self._rows.keys() - found.keys()
        for version in gone:  # the retention time is over
            del self._rows[version]
            self._scores.pop(version, None)
        scores = dict(self._scores)
        for version, records in found.items():
            if records or version not in self._rows:
                scores[version] = self._take(version, records)
        self._scores = {version: scores[version] for version in self._rows if scores.get(version)}

    def _read_new(self, path: Path, begin: int | None) -> list[Record]:
        size = path.stat().st_size
        if begin is not None and begin > size:  # someone has taken truths out of it
            begin = None
        start = max(0, size - _TAIL_BYTES) if begin is None else begin
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
        whole = content.rfind(b"\n") + 1
        self._read[path] = start + whole
        return list(decode_records(content[:whole]))

    def _take(self, version: Version, records: list[Record]) -> dict[int, Scores]:
        rows = self._rows[version] = _latest([*self._rows.get(version, ()), *records])
        found = {window: score(rows[-window:]) for window in WINDOWS}
        return {window: scores for window, scores in found.items() if scores is not None}


def _latest(records: Sequence[Record]) -> list[Record]:
    """Return the last truth of each row, of the latest rows, in the order of their arrival."""
    rows: dict[tuple[str, int], Record] = {}
    for record in sorted(records, key=lambda record: record.time):
        key = record.request_id, record.row
        rows.pop(key, None)
        rows[key] = record
    return list(rows.values())[-WINDOWS[-1] :]
