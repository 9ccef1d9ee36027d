"""Traces the requests of one process: begins and ends each of them, on the event loop."""

from __future__ import annotations

import random
from time import perf_counter
from typing import TYPE_CHECKING

from inference.logs import TRACE
from inference.telemetry.tracing.request_trace import RequestTrace
from inference.telemetry.tracing.trace_context import read_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.logs import AnsweredRequests
    from inference.telemetry.tracing.sampler import Sampler

    Headers = list[tuple[bytes, bytes]]


class Tracer:
    """Traces requests. From its beginning on, log lines of the same task carry a trace's ids.

    It stands in front of the log of answered requests, since both get the same calls.

    Args:
        sampler: Decides which traces are recorded.
        record: Takes a trace that is to be recorded, once its request is answered.
        request_log: Logs answered requests; ``None`` logs none.
    """

    def __init__(
        self,
        sampler: Sampler,
        record: Callable[[RequestTrace], None],
        request_log: AnsweredRequests | None = None,
    ) -> None:
        self._sampler = sampler
        self._record = record
        self._log = request_log
        self._random = random.Random()  # noqa: S311 - not a secret, and seeded in each process

    def begin(self, headers: Headers) -> RequestTrace:
        """Begin with a request.

        Args:
            headers: Names in lower case; for gRPC the call's metadata.
        """
        parent = read_context(headers)
        bits = self._random.getrandbits
        if parent is None:
            trace_id = bits(128) or 1
            is_sampled = self._sampler.samples(trace_id, None)
            text = f"{trace_id:032x}"
        else:
            text = parent.trace_id
            is_sampled = self._sampler.samples(int(text, 16), parent.is_sampled)
        trace = RequestTrace(text, f"{bits(64) or 1:016x}", parent, is_sampled=is_sampled)
        if is_sampled:
            trace.headers = headers
        TRACE.set(trace)
        return trace

    def add(self, request: bytes, method: str, path: str, status: int, seconds: float) -> None:
        """End the trace of the present task, and log that the request is answered.

        Args:
            request: The id of the request.
            method: Its method.
            path: Its decoded path.
            status: The status of its answer.
            seconds: How long the answer took.
        """
        trace = TRACE.get()
        if trace is not None:
            self.end(trace, request, method, path, status)
        if self._log is not None:
            self._log.add(request, method, path, status, seconds)

    def end(self, trace: RequestTrace, request: bytes, method: str, path: str, status: int) -> None:
        """End a trace; see :meth:`add`."""
        if trace.is_sampled:
            trace.request_id, trace.method, trace.path = request, method, path
            trace.status = status
            trace.ended = perf_counter()
            self._record(trace)
