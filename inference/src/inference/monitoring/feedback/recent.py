"""The latest truths of each version, read from the files of all processes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict, defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from inference.monitoring.feedback.records import decode_records
from inference.monitoring.feedback.scores import Scores, score
from inference.monitoring.feedback.store import ENDING
from inference.monitoring.log.files.retention import feedback_folders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference.monitoring.feedback.records import Record

# How many of the latest rows with a truth the metrics are of.
WINDOWS = (1_000, 10_000)
_REFRESH_SECONDS = 2.0
_TAIL_BYTES = 8 * 1024**2  # of one file when it is first read; more than the largest window

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
        self._rows: dict[Version, OrderedDict[tuple[str, int], Record]] = {}
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
        gone = self._rows.keys() - found.keys()
        for version in gone:  # the retention time is over
            del self._rows[version]
            self._scores.pop(version, None)
        scores = dict(self._scores)
        for version, records in found.items():
            if records or version not in self._rows:
                scores[version] = self._take(version, records)
        self._scores = {version: scores[version] for version in self._rows if scores[version]}

    def _read_new(self, path: Path, begin: int | None) -> list[Record]:
        size = path.stat().st_size
        start = max(0, size - _TAIL_BYTES) if begin is None else begin
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
        whole = content.rfind(b"\n") + 1
        self._read[path] = start + whole
        return list(decode_records(content[:whole]))

    def _take(self, version: Version, records: list[Record]) -> dict[int, Scores]:
        rows = self._rows.setdefault(version, OrderedDict())
        for record in sorted(records, key=lambda record: record.time):
            key = record.request_id, record.row
            rows.pop(key, None)
            rows[key] = record
        while len(rows) > WINDOWS[-1]:
            rows.popitem(last=False)
        by_window = {}
        for window in WINDOWS:
            found = score(list(islice(rows.values(), max(0, len(rows) - window), None)))
            if found is not None:
                by_window[window] = found
        return by_window
