"""The log of answered requests (``INFERENCE_LOG_REQUESTS``): written in bulk, off the event loop.

A line is made when its request is answered, and written by a thread a moment later, in order. The
lines that wait have a limit: if the log is read too slowly, further lines are dropped and counted.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from inference.logs.record import KEY_ID, LINES, TRACE, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.logs.request_line import RequestLine

_logger = logging.getLogger("inference.request")

MAX_WAITING = 32_768  # lines; some 10 MiB
# How long a line may wait, for others to be written with it.
_WAIT_SECONDS = 0.05
# Workers share one pipe, in which a longer piece of one could be torn by a piece of another.
_PIECE_BYTES = select.PIPE_BUF


class AnsweredRequests(Protocol):
    """Notes every answered request."""

    def add(self, request: bytes, method: str, path: str, status: int, seconds: float) -> None:
        """See :meth:`RequestLog.add`."""


class RequestLog(logging.Handler):
    """Writes the lines of answered requests.

    It is a handler without a logger: ``logging.shutdown()`` flushes and closes every handler, so
    the lines of a worker that ends by an error are written, too. A process that is killed loses
    those of its last 50 ms.

    Args:
        make_line: Makes a line.
        on_drop: Called for each line that is dropped; on the event loop.
    """

    def __init__(self, make_line: RequestLine, on_drop: Callable[[], None]) -> None:
        super().__init__()
        self._make_line = make_line
        self._on_drop = on_drop
        self._waiting: deque[str] = deque()  # appended by the event loop, taken by the thread
        self._dropped = 0
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._flushing = threading.Lock()

    def add(self, request: bytes, method: str, path: str, status: int, seconds: float) -> None:
        """Add a line about a request that was just answered; only on the event loop.

        Args:
            request: The id of the request.
            method: Its method.
            path: Its decoded path.
            status: The status of its answer.
            seconds: How long the answer took.
        """
        waiting = self._waiting
        if len(waiting) >= MAX_WAITING:
            self._dropped += 1
            self._on_drop()
            return
        ms = round(seconds * 1e3, 3)
        key = KEY_ID.get()
        waiting.append(
            self._make_line(
                time.time(),
                request,
                key,
                method=method,
                path=path,
                status=status,
                ms=ms,
                trace=TRACE.get(),
            )
        )
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="request-log", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # a limit on processes
                    self._wake.clear()  # the next request tries again
                else:
                    self._thread = thread

    def flush(self) -> None:
        """Write all lines that wait."""
        with self._flushing:
            while self._waiting:
                self._write(self._take())
            dropped, self._dropped = self._dropped, 0
        if dropped:
            extra = fields("left-out", lines=dropped, place="requests")
            _logger.warning(
                "%d lines of answered requests were omitted: the log is read too slowly",
                dropped,
                extra=extra,
            )

    def close(self) -> None:
        """Write all lines that wait, and end."""
        self._ended.set()
        self._wake.set()
        self.flush()
        super().close()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.wait()
            self._wake.clear()
            self._ended.wait(_WAIT_SECONDS)
            self.flush()

    @staticmethod
    def _write(lines: str) -> None:
        record = logging.LogRecord(_logger.name, logging.INFO, "", 0, lines, (), None)
        record.__dict__.update({LINES: True} | fields("request"))
        if _logger.isEnabledFor(logging.INFO):
            _logger.handle(record)

    def _take(self) -> str:
        """Take as many lines as fit into one piece, or one longer line."""
        waiting = self._waiting
        lines: list[str] = []
        size = 0
        while waiting and (not lines or size + 4 * len(waiting[0]) < _PIECE_BYTES):
            line = waiting.popleft()
            lines.append(line)
            size += len(line.encode(errors="backslashreplace")) + 1
        return "\n".join(lines)
