"""Sends spans to a collector: in bulk, from a thread of its own, and never at the cost of serving.

Traces wait in a queue of bounded length. While the collector is slow or away, further ones are
dropped and counted. The thread uses at most a tenth of the processor's time, since it shares the
interpreter with the event loop.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExportResult

from inference.logs import fields
from inference.runtime.threads import NoThreadError, lower_priority, start_thread
from inference.telemetry.tracing.outcomes import DROPPED, EXPORTED, FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

    from inference.telemetry.tracing.outcomes import QueueLimits
    from inference.telemetry.tracing.request_trace import RequestTrace

logger = logging.getLogger(__name__)

_REST = 9  # times as long as the processor was used
_REPORT_SECONDS = 60.0
_EXPORTER_LOG = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


# Such as "[Errno 111] Connection refused", in the middle of a reason that the log would cut.
_CAUSE = re.compile(r"\[Errno [^\"')]+")


class _Reasons(logging.Filter):
    """Keeps what the exporter says of an attempt, instead of a line for each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        self.given.append(record.getMessage())
        return False


class Collector:
    """A collector, as requests use it.

    Args:
        make: Makes spans of traces; called in the thread.
        exporter: Sends spans.
        limits: How traces wait.
        count: Counts traces by what became of them.
    """

    def __init__(
        self,
        make: Callable[[list[RequestTrace]], Sequence[ReadableSpan]],
        exporter: SpanExporter,
        limits: QueueLimits,
        count: Callable[[str, int], None],
    ) -> None:
        self._make = make
        self._exporter = exporter
        self._limits = limits
        self._count = count
        self._waiting: deque[RequestTrace] = deque()  # appended by the event loop
        self._some = threading.Event()
        self._enough = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._reasons = _Reasons()
        logging.getLogger(_EXPORTER_LOG).addFilter(self._reasons)
        self._lost = 0
        self._reported = -_REPORT_SECONDS

    def record(self, trace: RequestTrace) -> None:
        """Send a trace soon, or drop it if too many wait; only on the event loop."""
        waiting = self._waiting
        if len(waiting) >= self._limits.traces:
            self._count(DROPPED, 1)
            return
        waiting.append(trace)
        if not self._some.is_set():
            self._some.set()
            if self._thread is None:
                try:
                    self._thread = start_thread(self._run, "traces")
                except NoThreadError:
                    self._some.clear()  # the next request tries again
        if len(waiting) == self._limits.batch:
            self._enough.set()

    def close(self, seconds: float) -> None:
        """Send what waits, for at most so many seconds, and end."""
        for event in (self._ended, self._some, self._enough):
            event.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self._exporter.shutdown()  # ends attempts under way

    def _run(self) -> None:
        lower_priority()
        while not self._ended.is_set():
            self._some.wait()
            self._enough.wait(self._limits.seconds)
            self._some.clear()
            self._enough.clear()
            self._send_all()

    def _send_all(self) -> None:
        waiting = self._waiting
        while waiting:
            used = time.thread_time()
            self._send([waiting.popleft() for _ in range(min(len(waiting), self._limits.batch))])
            self._ended.wait(_REST * (time.thread_time() - used))

    def _send(self, traces: list[RequestTrace]) -> None:
        given = self._reasons.given
        given.clear()
        try:
            is_sent = self._exporter.export(self._make(traces)) is SpanExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 - of another library; must not end the thread
            is_sent = False
            given.append(repr(error))
        self._count(EXPORTED if is_sent else FAILED, len(traces))
        if not is_sent:
            self._report(len(traces), _shorten(given[0]) if given else "no reason is known")

    def _report(self, traces: int, reason: str) -> None:
        """Log what was lost, at most once a minute."""
        self._lost += traces
        now = time.monotonic()
        if now - self._reported < _REPORT_SECONDS:
            return
        logger.warning(
            "%d traces were lost, because the collector did not take them: %s",
            self._lost,
            reason,
            extra=fields("traces-lost", traces=self._lost, reason=reason),
        )
        self._reported, self._lost = now, 0


def _shorten(reason: str) -> str:
    found = _CAUSE.search(reason)
    return found[0] if found else reason
