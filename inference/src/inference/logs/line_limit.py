"""A bound on the lines that each place in the code writes: callers and files cause lines."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.logs.record import ABOUT_FILES, fields, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

_BURST_SECONDS = 100.0
_TELL_SECONDS = 1.0
# The operator asks for one line a request (INFERENCE_LOG_REQUESTS), and how many were left out is
# logged once a second at most.
_UNLIMITED = ("request", "left-out")


@dataclass(slots=True)
class _Bucket:
    """The lines of one place in the code: how many it may write now, and how many it could not."""

    tokens: float
    filled: float
    left_out: int = 0


class LineLimit(logging.Filter):
    """Bounds the lines that each place in the code writes, and tells how many were left out.

    Args:
        per_second: Lines of one place; 0 for no limit. Lines about files may come in bursts.
        clock: Seconds, monotonic.
        later: Calls something after so many seconds, in another thread.
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
        self._telling = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is written."""
        event = fields_of(record).get("event")
        if not self._per_second or event in _UNLIMITED:
            return True
        burst = max(1.0, self._per_second)
        if record.name.startswith(ABOUT_FILES):
            burst *= _BURST_SECONDS
        place = (record.name, record.pathname, record.lineno)
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(place, _Bucket(burst, now))
            gained = (now - bucket.filled) * self._per_second
            bucket.tokens, bucket.filled = min(burst, bucket.tokens + gained), now
            if bucket.tokens >= 1.0:
                bucket.tokens -= 1.0
                return True
            bucket.left_out += 1
            telling, self._telling = self._telling, True
        if not telling:
            self._later(_TELL_SECONDS, self._tell)
        return False

    def _tell(self) -> None:
        with self._lock:
            self._telling = False
            left = [(p, b.left_out) for p, b in self._buckets.items() if b.left_out]
            for bucket in self._buckets.values():
                bucket.left_out = 0
        for (name, path, number), count in left:
            place = f"{path.rpartition('/')[2]}:{number}"
            told = fields("left-out", lines=count, place=place)
            said = "%d more lines of %s were left out"
            logging.getLogger(name).warning(said, count, place, extra=told)


def _in_thread(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
