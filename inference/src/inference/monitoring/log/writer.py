"""Writes frames to the journal of this process, and has full journals made into Parquet files.

A thread does it, so that neither the event loop nor the thread that hands on requests ever waits
for a disk. Whatever cannot be written is dropped, counted and logged once.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import random
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from inference.logs import fields
from inference.monitoring.log.files.compactions import Compactions
from inference.monitoring.log.files.journal import Journal, abandoned
from inference.monitoring.log.files.private_folder import make_folder
from inference.monitoring.log.files.retention import remove_old_days
from inference.monitoring.log.rows.logged_rows import encode_schema
from inference.runtime.threads import lower_priority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference.monitoring.log.counts import LogCounts
    from inference.monitoring.log.rows.schema import Schema

_log = logging.getLogger(__name__)

MAX_PENDING_BYTES = 64 * 1024**2
_FLUSH_SECONDS = 0.25  # a process that is killed loses this, and what the hand-off has collected
_TIDY_SECONDS = 3600.0
_CLOSE_SECONDS = 5.0
_MOST_NOTED = 100  # different failures that are logged
_TRIED_AGAIN = "has a problem, and it is tried again"


class Limits(NamedTuple):
    """When a file ends, and what is kept.

    Attributes:
        rows: Rows of a file.
        seconds: Seconds until a file ends.
        days: Days that are kept besides today; 0 keeps all.
    """

    rows: int
    seconds: float
    days: int


class _Pending(NamedTuple):
    schema: Schema
    frame: bytes
    rows: int


class Writer:
    """Writes to the folder of a log; other processes may write to it, too.

    Args:
        root: The folder.
        limits: When a file ends, and what is kept.
        counts: Counts rows.
        compactions: Makes journals into Parquet files.

    Attributes:
        before_flush: Called before frames are written, to add those that can be made now.
    """

    def __init__(
        self,
        root: Path,
        limits: Limits,
        counts: LogCounts,
        *,
        compactions: Compactions | None = None,
    ) -> None:
        self._root = root
        self._limits = limits
        self._counts = counts
        self._compactions = compactions or Compactions(root)
        self.before_flush: Callable[[], None] = _add_nothing
        self._lock = threading.Lock()
        self._pending: list[_Pending] = []
        self._pending_bytes = self._behind = self._unwritten = 0
        self._wake, self._ended = threading.Event(), threading.Event()
        self._flushing = threading.Lock()
        self._journal: Journal | None = None
        self._schemas: set[str] = set()
        self._rotate_at = self._tidy_at = 0.0
        self._failure = ""
        self._noted: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Start the thread, which first finishes what ended processes have left."""
        self._thread.start()

    def add(self, schema: Schema, frame: bytes, rows: int) -> None:
        """Have a frame written, within a fraction of a second."""
        with self._lock:
            if self._pending_bytes + len(frame) > MAX_PENDING_BYTES and self._pending:
                self._behind += rows
            else:
                self._pending.append(_Pending(schema, frame, rows))
                self._pending_bytes += len(frame)
        self._wake.set()

    def lose(self, rows: int, error: Exception) -> None:
        """Count rows of which no frame could be made."""
        with self._lock:
            self._unwritten += rows
        self._note("cannot take some rows, which are lost", error)
        self._wake.set()

    def wake(self) -> None:
        """Flush within a fraction of a second."""
        self._wake.set()

    def flush(self) -> None:
        """Write all pending frames to the journal."""
        with self._flushing:
            self._guarded(self.before_flush)
            with self._lock:
                pending, self._pending, self._pending_bytes = self._pending, [], 0
                behind, self._behind = self._behind, 0
                unwritten, self._unwritten = self._unwritten, 0
            for reason, rows in (("behind", behind), ("error", unwritten)):
                if rows:
                    self._counts.lost(reason, rows)
            if pending:
                self._write(pending)

    def close(self) -> None:
        """Write all pending frames, and make them into files if that takes a few seconds."""
        self._ended.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        lower_priority()
        with contextlib.suppress(OSError):  # only now: later its disk may not be mounted
            make_folder(self._root)
        while not self._ended.is_set():
            self._guarded(self._tend)
            if self._wake.wait(self._pause()):
                self._wake.clear()
                self._ended.wait(_FLUSH_SECONDS)
                self._guarded(self.flush)
        self._guarded(self.flush)
        self._guarded(self._seal)
        self._compactions.finish(_CLOSE_SECONDS)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the thread must not end
            self._note(_TRIED_AGAIN, error)

    def _tend(self) -> None:
        """Do what is due: end the journal, compact, take over journals, remove old days."""
        now = time.monotonic()
        journal = self._journal
        if journal is not None and (now >= self._rotate_at or journal.rows >= self._limits.rows):
            self._seal()
        if now >= self._tidy_at:
            self._tidy_at = now + _TIDY_SECONDS
            for left in abandoned(self._root):
                self._compactions.add(left)
            remove_old_days(self._root, self._limits.days, time.time())
        failure = self._compactions.step()
        if failure is not None:
            self._note(_TRIED_AGAIN, failure)

    def _pause(self) -> float:
        """Return how long nothing is due."""
        due = self._tidy_at if self._journal is None else min(self._tidy_at, self._rotate_at)
        pause = max(0.0, due - time.monotonic())
        compaction = self._compactions.pause
        return pause if compaction is None else min(pause, compaction)

    def _seal(self) -> None:
        with self._flushing:
            journal, self._journal = self._journal, None
            if journal is not None:
                self._compactions.add(journal)

    def _write(self, pending: list[_Pending]) -> None:
        rows = sum(one.rows for one in pending)
        try:
            journal = self._journal or self._begin()
            frames = []
            for schema, frame, _ in pending:
                if schema.id not in self._schemas:
                    self._schemas.add(schema.id)
                    frames.append(encode_schema(schema))
                frames.append(frame)
            journal.append(b"".join(frames), rows)
        except OSError as error:
            self._counts.lost(_reason(error), rows)
            self._drop_journal()
            if self._failure != (reason := _words(error)):
                self._failure = reason
                self._log_failure("cannot be written, and rows are lost", reason)
            return
        for schema, _, count in pending:
            self._counts.logged(schema, count)
        if self._failure:
            self._failure = ""
            _log.info("the prediction log is written again", extra=fields("prediction-log"))

    def _begin(self) -> Journal:
        self._schemas.clear()
        self._journal = journal = Journal.create(self._root)
        # Workers that start together do not compact together.
        self._rotate_at = time.monotonic() + self._limits.seconds * random.uniform(0.9, 1)  # noqa: S311
        return journal

    def _drop_journal(self) -> None:
        """Start another journal next time; what is in this one becomes files, if it is there."""
        journal, self._journal = self._journal, None
        self._schemas.clear()
        if journal is not None:
            if journal.rows and journal.is_in_place():
                self._compactions.add(journal)
            else:
                journal.remove()

    def _note(self, what: str, error: Exception) -> None:
        """Log once what goes wrong beside the writing, which may succeed all the same."""
        reason = _words(error)
        if (what, reason) not in self._noted and len(self._noted) < _MOST_NOTED:
            self._noted.add((what, reason))
            self._log_failure(what, reason)

    def _log_failure(self, what: str, reason: str) -> None:
        extra = fields("prediction-log", reason=reason)
        _log.error("the prediction log in %s %s: %s", self._root, what, reason, extra=extra)


def _add_nothing() -> None:
    """Add no frames."""


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "full"
    return "gone" if error.errno == errno.ENOENT else "error"
