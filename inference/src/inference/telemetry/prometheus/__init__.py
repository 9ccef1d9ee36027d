"""``GET /metrics``: everything counted, in Prometheus' text format, over all workers."""
