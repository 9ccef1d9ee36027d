"""The route of the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from inference.monitoring.drift.metrics import DriftCollector
from inference.monitoring.feedback.metrics import LiveCollector
from inference.runtime.documents import Document, Subject
from inference.telemetry.prometheus.collector import ServiceCollector
from inference.web.documents import DocumentResponse, encoded

if TYPE_CHECKING:
    from inference.monitoring.setup import Monitoring
    from inference.repository.repository import Repository
    from inference.telemetry.recorder import Recorder

_OPEN_METRICS = "application/openmetrics-text"
_NEVER = ("0", "0.0", "0.00", "0.000")


def metrics_router(
    recorder: Recorder, repository: Repository, monitoring: Monitoring, *, aliases: bool
) -> APIRouter:
    """Build the route.

    Args:
        recorder: What has been counted.
        repository: Which models there are.
        monitoring: What watches them.
        aliases: Whether to add the metric names of Triton and KServe.
    """
    router = APIRouter(tags=["health"])
    registry = CollectorRegistry(auto_describe=False)
    collector = ServiceCollector(recorder, aliases=aliases)
    registry.register(collector)
    drift = DriftCollector(monitoring.drift)
    registry.register(drift)
    registry.register(LiveCollector(monitoring.truths))
    ProcessCollector(registry=registry)

    def now() -> Subject:
        # Read on the event loop, because other threads may not.
        collector.snapshot = drift.snapshot = repository.current()
        return Subject(None)

    text = Document(now, lambda _: encoded(generate_latest(registry)))
    generate_open: Any = openmetrics.generate_latest  # has no types
    open_text = Document(now, lambda _: encoded(generate_open(registry)))

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def get_metrics(request: Request) -> DocumentResponse:
        """Return the metrics of all workers. Process metrics cover only this worker."""
        if _accepts_open_metrics(request.headers.get("accept", "")):
            response = DocumentResponse(await open_text.get(), openmetrics.CONTENT_TYPE_LATEST)
        else:
            response = DocumentResponse(await text.get(), CONTENT_TYPE_LATEST)
        response.headers.add_vary_header("Accept")
        return response

    return router


def _accepts_open_metrics(accept: str) -> bool:
    """Whether a scraper asks for OpenMetrics 1.0.0, which has exemplars."""
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        if kind == _OPEN_METRICS:
            given = dict(parameter.partition("=")[::2] for parameter in parameters)
            if given.get("version", "1.0.0") == "1.0.0" and given.get("q") not in _NEVER:
                return True
    return False
