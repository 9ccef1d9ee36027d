"""``GET /metrics``: everything counted, in Prometheus' text format, over all workers."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from inference.repository.snapshot import Snapshot
from inference.serving.meter import BOUNDS, HISTOGRAMS, WIDTH
from inference.web.api.document import Document, DocumentResponse, Subject, encoded
from inference.web.fold import fold_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inference.repository.repository import Repository
    from inference.serving.book import Book
    from inference.serving.ledger import Key, Ledger

_LABELS = ("route", "model", "version", "status")
_VERSION_STATES = ("ready", "loading", "quarantined", "unloaded")
_MICROSECONDS = 1e6


def metrics_router(book: Book, repository: Repository, *, aliases: bool) -> APIRouter:
    """Make the route.

    Args:
        book: What has been counted.
        repository: Which models there are.
        aliases: Whether the names that Triton's and KServe's dashboards know are given, too.
    """
    router = APIRouter(tags=["health"])
    registry = CollectorRegistry(auto_describe=False)
    collector = _Collector(book, aliases=aliases)
    registry.register(collector)
    ProcessCollector(registry=registry)

    def now() -> Subject:
        book.meter.fold()
        collector.snapshot = repository.current()  # which is the loop's, and not for other threads
        return Subject(None)

    document = Document(now, lambda _: encoded(generate_latest(registry)))

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def get_metrics() -> DocumentResponse:
        """Give the metrics of all workers; the process figures are the answering worker's."""
        return DocumentResponse(await document.get(), CONTENT_TYPE_LATEST)

    return router


class _Collector(Collector):
    def __init__(self, book: Book, *, aliases: bool) -> None:
        self._book = book
        self.snapshot = Snapshot()
        self._aliases = aliases

    def collect(self) -> Iterator[Metric]:
        requests = fold_versions(_add_up(self._book.requests), 1)
        runs = fold_versions(_add_up(self._book.runs), 0)
        yield from _requests(requests)
        yield from _batches(runs)
        yield from _happened(_add_up(self._book.happened))
        yield _waiting(_add_up(self._book.waiting))
        yield _callers(_add_up(self._book.callers))
        yield self._models()
        yield _worker()
        if self._aliases:
            yield from _triton(requests, runs)
            yield _kserve(requests)

    def _models(self) -> Metric:
        states: list[str] = [model.state for model in self.snapshot.models.values()]
        family = GaugeMetricFamily("inference_models", "Models by state.", labels=["state"])
        for state in _VERSION_STATES:
            family.add_metric([state], states.count(state))
        return family


def _add_up(ledger: Ledger) -> dict[Key, list[float]]:
    total: dict[Key, list[float]] = {}
    for key, values in ledger.items():
        before = total.get(key)
        total[key] = [a + b for a, b in zip(before, values, strict=True)] if before else [*values]
    return total


def _requests(requests: dict[Key, list[float]]) -> Iterator[Metric]:
    count = CounterMetricFamily("inference_requests", "Requests answered.", labels=_LABELS)
    whole = HistogramMetricFamily(
        "inference_request_duration_seconds",
        "From the complete request to the encoded answer.",
        labels=_LABELS,
    )
    phases = HistogramMetricFamily(
        "inference_phase_duration_seconds",
        "One phase of the requests answered with 200.",
        labels=("route", "model", "version", "phase"),
    )
    for (*labels, status), values in requests.items():
        histograms = _histograms(values)
        count.add_metric([*labels, status], sum(histograms[0][:-1]))
        whole.add_metric([*labels, status], *_buckets(histograms[0]))
        if status == "200":
            for phase, histogram in zip(HISTOGRAMS[1:], histograms[1:], strict=True):
                phases.add_metric([*labels, phase], *_buckets(histogram))
    yield from (count, whole, phases)


def _histograms(values: Sequence[float]) -> list[Sequence[float]]:
    return [values[i * WIDTH : (i + 1) * WIDTH] for i in range(len(HISTOGRAMS))]


def _buckets(histogram: Sequence[float]) -> tuple[list[tuple[str, float]], float]:
    """Give the cumulated buckets and the sum, as Prometheus wants them."""
    return _cumulate(zip([*map(str, BOUNDS), "+Inf"], histogram[:-1], strict=True)), histogram[-1]


def _cumulate(counts: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    total = 0.0
    buckets = []
    for bound, count in counts:
        total += count
        buckets.append((bound, total))
    return buckets


def _batches(runs: dict[Key, list[float]]) -> Iterator[Metric]:
    family = HistogramMetricFamily(
        "inference_batch_rows", "Rows of one run.", labels=("model", "version")
    )
    by_version: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for (model, version, size), (count, *_) in runs.items():
        by_version[model, version][int(size)] = count
    bounds = (1, 2, 4, 8, 16, 32, 64, 128, 1024, 16384)
    for labels, sizes in by_version.items():
        below = [
            (str(bound), sum(count for size, count in sizes.items() if size <= bound))
            for bound in bounds
        ]
        total = sum(size * count for size, count in sizes.items())
        family.add_metric(labels, [*below, ("+Inf", sum(sizes.values()))], total)
    yield family


def _happened(happened: dict[Key, list[float]]) -> Iterator[Metric]:
    examined = SummaryMetricFamily(
        "inference_admission_duration_seconds", "Examinations of artefacts.", labels=("verdict",)
    )
    loaded = SummaryMetricFamily(
        "inference_load_duration_seconds", "Loads of admitted artefacts.", labels=("model",)
    )
    swapped = CounterMetricFamily("inference_swaps", "Versions gone live.", labels=("model",))
    refused = CounterMetricFamily("inference_quarantines", "Files refused.", labels=("model",))
    connections = CounterMetricFamily(
        "inference_refused_connections",
        "Connections refused before a request was understood, by the status they were answered.",
        labels=("status",),
    )
    chosen = CounterMetricFamily(
        "inference_choices", "Selections, pins, loads and unloads.", labels=("change",)
    )
    for (event, label), (count, seconds) in happened.items():
        match event:
            case "examined":
                examined.add_metric([label], int(count), seconds)
            case "loaded":
                loaded.add_metric([label], int(count), seconds)
            case "swapped":
                swapped.add_metric([label], count)
            case "quarantined":
                refused.add_metric([label], count)
            case "refused":
                connections.add_metric([label], count)
            case _:
                chosen.add_metric([label], count)
    yield from (examined, loaded, swapped, refused, connections, chosen)


def _waiting(waiting: dict[Key, list[float]]) -> Metric:
    family = GaugeMetricFamily(
        "inference_waiting_requests",
        "Requests in a queue or a worker thread now; cheap ones never wait.",
        labels=("model",),
    )
    for (model,), (count,) in waiting.items():
        family.add_metric([model], count)
    return family


def _callers(callers: dict[Key, list[float]]) -> Metric:
    family = CounterMetricFamily(
        "inference_key_requests",
        "Requests by API key, admitted or denied with a status; no key for callers unknown.",
        labels=("key", "outcome"),
    )
    for labels, (count,) in callers.items():
        family.add_metric(labels, count)
    return family


def _worker() -> Metric:
    family = GaugeMetricFamily("inference_worker_pid", "The process that answered this scrape.")
    family.add_metric([], os.getpid())
    return family


def _triton(requests: dict[Key, list[float]], runs: dict[Key, list[float]]) -> Iterator[Metric]:
    """Give the names that Triton's dashboards know.

    Source: https://github.com/triton-inference-server/server/blob/main/docs/user_guide/metrics.md
    """
    sums: dict[str, dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    for (_, model, version, status), values in requests.items():
        if not model:
            continue
        count = sum(values[: WIDTH - 1])
        good = status == "200"
        sums["request_success" if good else "request_failure"][model, version] += count
        if good:
            totals = [histogram[-1] * _MICROSECONDS for histogram in _histograms(values)]
            sums["request_duration_us"][model, version] += totals[0]
            sums["queue_duration_us"][model, version] += totals[2]
            sums["compute_infer_duration_us"][model, version] += totals[3]
    for (model, version, _), (count, _, rows, _) in runs.items():
        sums["exec_count"][model, version] += count
        sums["count"][model, version] += rows
    for name, by_version in sums.items():
        # Untyped, since a counter's name would get a suffix that Triton's has not.
        family = UnknownMetricFamily(
            f"nv_inference_{name}", "As Triton counts it.", labels=("model", "version")
        )
        for labels, value in by_version.items():
            family.add_metric(labels, value)
        yield family


def _kserve(requests: dict[Key, list[float]]) -> Metric:
    family = HistogramMetricFamily(
        "request_predict_seconds", "As KServe measures it.", labels=("model_name",)
    )
    by_model: dict[str, list[float]] = {}
    for (_, model, _, status), values in requests.items():
        if model and status == "200":
            before = by_model.get(model, [0.0] * WIDTH)
            by_model[model] = [a + b for a, b in zip(before, values[:WIDTH], strict=True)]
    for model, histogram in by_model.items():
        family.add_metric([model], *_buckets(histogram))
    return family
