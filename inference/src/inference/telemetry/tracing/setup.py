"""Builds what traces requests, from the settings and OpenTelemetry's standard variables."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from random import Random
from typing import TYPE_CHECKING

from inference.errors import SettingError
from inference.telemetry.tracing.outcomes import OUTCOMES, QueueLimits
from inference.telemetry.tracing.sampler import read_sampler
from inference.telemetry.tracing.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from opentelemetry.sdk.resources import Resource

    from inference.logs import RequestLog
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.tracing.collector import Collector

_SETTING = "INFERENCE_TRACING"
_DISABLED = "OTEL_SDK_DISABLED"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_MODULES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_HEADER_LOG = "opentelemetry.trace.span"
_SERVICE_NAME = "rookery"
_CLOSE_SECONDS = 2.0  # what a stop waits for the collector


def check_tracing(settings: Settings) -> None:
    """Check that requests can be traced, if the settings ask for it.

    Raises:
        SettingError: The extra ``inference[tracing]`` is not installed, or a variable is invalid.
    """
    if not settings.tracing:
        return
    if not all(map(_is_installed, _MODULES)):
        raise SettingError(f"{_SETTING} needs the extra inference[tracing], which is not installed")
    read_sampler(os.environ)
    _read_limits(os.environ)
    for name in _PROTOCOLS:
        protocol = os.environ.get(name, "").strip() or _PROTOCOL
        if protocol != _PROTOCOL:
            raise SettingError(f"{name}={protocol} is not supported: use {_PROTOCOL}")


def traces(settings: Settings) -> bool:
    """Whether requests are traced."""
    return settings.tracing and os.environ.get(_DISABLED, "").strip().lower() != "true"


@dataclass(frozen=True)
class Tracing:
    """What traces requests, if anything does.

    Attributes:
        tracer: Begins and ends traces; ``None`` if requests are not traced.
        collector: Sends them; likewise.
    """

    tracer: Tracer | None = None
    collector: Collector | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send what waits at the end, within a moment."""
        try:
            yield
        finally:
            if self.collector is not None:
                await asyncio.to_thread(self.collector.close, _CLOSE_SECONDS)


def build_tracing(
    settings: Settings, recorder: Recorder, request_log: RequestLog | None
) -> Tracing:
    """Build what traces requests.

    Args:
        settings: The settings.
        recorder: Counts traces.
        request_log: Logs answered requests; ``None`` logs none.

    Raises:
        SettingError: A variable is invalid.
    """
    if not traces(settings):
        return Tracing()
    # Imported late: without the extra there is no opentelemetry.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    from inference.telemetry.tracing.collector import Collector  # noqa: PLC0415
    from inference.telemetry.tracing.spans import SpanMaker  # noqa: PLC0415

    # It warns of each wrong tracestate, and quotes it: callers could fill the log.
    logging.getLogger(_HEADER_LOG).setLevel(logging.ERROR)
    maker = SpanMaker(_describe(), version("inference"), Random())  # noqa: S311 - no secret
    limits = _read_limits(os.environ)
    collector = Collector(maker.make, OTLPSpanExporter(), limits, _counter(recorder))
    return Tracing(Tracer(read_sampler(os.environ), collector.record, request_log), collector)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


def _describe() -> Resource:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415

    given = OTELResourceDetector().detect().attributes
    own = {
        "service.name": _SERVICE_NAME,
        "service.version": version("inference"),
        "service.instance.id": str(uuid.uuid4()),
    }
    return Resource.create({name: value for name, value in own.items() if name not in given})


def _counter(recorder: Recorder) -> Callable[[str, int], None]:
    """Return what counts traces; each outcome is counted by one thread only."""
    counts = recorder.event_counts
    indices = {outcome: counts.find(("traces", outcome)) for outcome in OUTCOMES}

    def count(outcome: str, traces: int) -> None:
        counts.values[indices[outcome]] += traces

    return count


def _read_limits(environment: Mapping[str, str]) -> QueueLimits:
    default = QueueLimits()
    traces = _read_number(environment, "OTEL_BSP_MAX_QUEUE_SIZE", default.traces)
    batch = _read_number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default.batch)
    delay_ms = _read_number(environment, "OTEL_BSP_SCHEDULE_DELAY", int(1000 * default.seconds))
    return QueueLimits(traces, min(batch, traces), delay_ms / 1000)


def _read_number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip() or str(default)
    if not (text.isdecimal() and 0 < int(text) < 10**9):
        raise SettingError(f"{name}={text} is not a positive integer")
    return int(text)
