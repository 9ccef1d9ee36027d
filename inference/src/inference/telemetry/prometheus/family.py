"""What is said of one metric: name, type, labels, meaning."""

from __future__ import annotations

from typing import Any, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

_KINDS: dict[str, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
    "summary": SummaryMetricFamily,
}


class Family(NamedTuple):
    """One metric.

    Attributes:
        name: Without the suffix of its type.
        kind: Its type in Prometheus.
        labels: Names of its labels.
        help: What it counts.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str

    @property
    def shown_name(self) -> str:
        """The name to ask Prometheus for."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def make(self) -> Any:
        """Make an empty family, to which series are added."""
        family: Metric = _KINDS[self.kind](self.name, self.help, labels=self.labels)
        return family
