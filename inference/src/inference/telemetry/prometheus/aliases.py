"""The names that Triton's and KServe's dashboards know, for INFERENCE_METRIC_ALIASES."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from prometheus_client.core import HistogramMetricFamily, Metric, UnknownMetricFamily

from inference.telemetry.latency_histogram import SUM, cumulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.telemetry.counters import Key

_MICROSECONDS = 1e6
TRITON = (
    "request_success",
    "request_failure",
    "request_duration_us",
    "queue_duration_us",
    "compute_infer_duration_us",
    "exec_count",
    "count",
)
KSERVE = "request_predict_seconds"


def triton(requests: dict[Key, list[float]], runs: dict[Key, list[float]]) -> Iterator[Metric]:
    """Return the metrics under the names that Triton's dashboards use.

    Source: https://github.com/triton-inference-server/server/blob/main/docs/user_guide/metrics.md
    """
    sums: dict[str, dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    for (_, model, version, status), values in requests.items():
        if not model:
            continue
        count = sum(values[:SUM])
        good = status == "200"
        sums["request_success" if good else "request_failure"][model, version] += count
        if good:
            total, _, queue, infer, _ = (seconds * _MICROSECONDS for seconds in values[SUM:])
            sums["request_duration_us"][model, version] += total
            sums["queue_duration_us"][model, version] += queue
            sums["compute_infer_duration_us"][model, version] += infer
    for (model, version, _), (count, _, rows, _) in runs.items():
        sums["exec_count"][model, version] += count
        sums["count"][model, version] += rows
    for name in TRITON:
        # Untyped, since a counter's name would get a suffix that Triton's lacks.
        family = UnknownMetricFamily(
            f"nv_inference_{name}", "As Triton counts it.", labels=("model", "version")
        )
        for labels, value in sums[name].items():
            family.add_metric(labels, value)
        yield family


def kserve(requests: dict[Key, list[float]]) -> Metric:
    """Return the latency under the name that KServe's dashboards use."""
    family = HistogramMetricFamily(KSERVE, "As KServe measures it.", labels=("model_name",))
    by_model: dict[str, list[float]] = {}
    for (_, model, _, status), values in requests.items():
        if model and status == "200":
            before = by_model.get(model, [0.0] * (SUM + 1))
            by_model[model] = [a + b for a, b in zip(before, values[: SUM + 1], strict=True)]
    for model, histogram in by_model.items():
        family.add_metric([model], *cumulate(histogram))
    return family
