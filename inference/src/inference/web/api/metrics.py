"""The route of the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from inference.runtime.documents import Document, Subject
from inference.telemetry.prometheus.collector import ServiceCollector
from inference.web.documents import DocumentResponse, encoded

if TYPE_CHECKING:
    from inference.repository.repository import Repository
    from inference.telemetry.recorder import Recorder


def metrics_router(recorder: Recorder, repository: Repository, *, aliases: bool) -> APIRouter:
    """Build the route.

    Args:
        recorder: What has been counted.
        repository: Which models there are.
        aliases: Whether to add the metric names of Triton and KServe.
    """
    router = APIRouter(tags=["health"])
    registry = CollectorRegistry(auto_describe=False)
    collector = ServiceCollector(recorder, aliases=aliases)
    registry.register(collector)
    ProcessCollector(registry=registry)

    def now() -> Subject:
        collector.snapshot = (
            repository.current()
        )  # read on the event loop, because other threads may not
        return Subject(None)

    document = Document(now, lambda _: encoded(generate_latest(registry)))

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def get_metrics() -> DocumentResponse:
        """Return the metrics of all workers. Process metrics cover only this worker."""
        return DocumentResponse(await document.get(), CONTENT_TYPE_LATEST)

    return router
