"""A rate limit for log lines, since callers and files can cause any number of them."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from inference.logs.record import ABOUT_FILES, fields, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

_BURST_SECONDS = 100.0
_REPORT_SECONDS = 1.0
# The operator enables one line per request (INFERENCE_LOG_REQUESTS). The number of omitted lines is
# logged at most once per second.
_UNLIMITED = ("request", "left-out")


class _Bucket(msgspec.Struct):
    """The token bucket of one logging call."""

    tokens: float
    filled: float
    omitted: int = 0


class LineLimit(logging.Filter):
    """Limits the rate of lines of each logging call, and logs the number of omitted lines.

    Args:
        per_second: Lines per second of one logging call; 0 for no limit. Lines about files may
            come in bursts.
        clock: Returns monotonic seconds.
        later: Calls a function after a number of seconds, in another thread.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        super().__init__()
        self._per_second = per_second
        self._clock = clock
        self._later = later or _in_thread
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, int], _Bucket] = {}
        self._is_due = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a line."""
        event = fields_of(record).get("event")
        if not self._per_second or event in _UNLIMITED:
            return True
        burst = max(1.0, self._per_second)
        if record.name.startswith(ABOUT_FILES):
            burst *= _BURST_SECONDS
        call = (record.name, record.pathname, record.lineno)
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(call, _Bucket(burst, now))
            gained = (now - bucket.filled) * self._per_second
            bucket.tokens, bucket.filled = min(burst, bucket.tokens + gained), now
            if bucket.tokens >= 1.0:
                bucket.tokens -= 1.0
                return True
            bucket.omitted += 1
            is_due, self._is_due = self._is_due, True
        if not is_due:
            try:
                self._later(_REPORT_SECONDS, self._report)
            except RuntimeError:  # no thread can be started: a limit on processes
                self._is_due = False  # the next omitted line tries again
        return False

    def _report(self) -> None:
        with self._lock:
            self._is_due = False
            omitted = [(c, b.omitted) for c, b in self._buckets.items() if b.omitted]
            for bucket in self._buckets.values():
                bucket.omitted = 0
        for (name, path, number), count in omitted:
            source = f"{path.rpartition('/')[2]}:{number}"
            extra = fields("left-out", lines=count, place=source)
            logging.getLogger(name).warning(
                "%d more lines from %s were omitted", count, source, extra=extra
            )


def _in_thread(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
