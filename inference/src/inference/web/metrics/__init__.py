"""``GET /metrics``: everything counted, in Prometheus' text format, over all workers."""

from inference.web.metrics.router import metrics_router

__all__ = ["metrics_router"]
