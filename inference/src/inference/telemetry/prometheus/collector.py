"""The counters of all workers as Prometheus metric families."""

from __future__ import annotations

import platform
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from prometheus_client.registry import Collector

from inference.repository.snapshot import Snapshot
from inference.telemetry import answer_counts as answers
from inference.telemetry import explanation_counts
from inference.telemetry.latency_histogram import SUM, cumulate
from inference.telemetry.prometheus import families as family
from inference.telemetry.prometheus import operation_families as operation
from inference.telemetry.prometheus.aliases import kserve, triton
from inference.telemetry.prometheus.rollouts import collect_rollouts
from inference.telemetry.prometheus.sync_metrics import collect_state, collect_sync
from inference.telemetry.prometheus.version_limit import limit_versions
from inference.telemetry.recorder import FEEDBACK
from inference.telemetry.timing import PHASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from inference.telemetry.counters import Counters, Key
    from inference.telemetry.exemplars import Exemplars
    from inference.telemetry.processes import Processes
    from inference.telemetry.prometheus.family import Family
    from inference.telemetry.recorder import Recorder

    Numbers = dict[Key, list[float]]

_SCORES = (
    "accuracy",
    "macro_f1",
    "log_loss",
    "r2",
    "mean_absolute_error",
    "root_mean_squared_error",
    "silhouette",
)
_SEEN_BY_EACH = frozenset({"swapped", "quarantined"})
_STATES = ("ready", "loading", "quarantined", "unloaded")


class ServiceCollector(Collector):
    """Collects all metrics.

    Args:
        recorder: The counters.
        aliases: Whether the names of other servers are added.

    Attributes:
        snapshot: The models; set it before each collection.
    """

    def __init__(self, recorder: Recorder, *, aliases: bool = False) -> None:
        self._recorder = recorder
        self.snapshot = Snapshot()
        self._aliases = aliases

    def collect(self) -> Iterator[Metric]:
        """Return every family, also those without series."""
        requests = limit_versions(_add_up(self._recorder.requests), 1)
        runs = limit_versions(_add_up(self._recorder.runs), 0)
        yield _build()
        yield from _requests(requests, self._recorder.exemplars)
        yield _batches(runs)
        yield from _answers(limit_versions(_add_up(self._recorder.answers), 1))
        yield from _models(self.snapshot)
        yield from collect_rollouts(self.snapshot, self._recorder.rollouts.add_up())
        yield _held_out(self.snapshot)
        yield from _processes(self._recorder.processes)
        yield from _events(_merge_events(self._recorder.event_counts))
        yield _plain(family.WAITING, _add_up(self._recorder.waiting))
        yield _plain(family.CALLERS, _add_up(self._recorder.callers))
        yield from _logged(_add_up(self._recorder.log))
        yield from collect_sync(self._recorder.sync)
        yield collect_state(self._recorder.state_age)
        if self._aliases:
            yield from triton(requests, runs)
            yield kserve(requests)


def _add_up(counters: Counters) -> Numbers:
    total: Numbers = {}
    for key, values in counters.items():
        before = total.get(key)
        total[key] = [a + b for a, b in zip(before, values, strict=True)] if before else [*values]
    return total


def _merge_events(counters: Counters) -> Numbers:
    """Add up what each worker does, and take the most of what each worker sees of one folder."""
    most: Numbers = {}
    for key, values in counters.items():
        if key[0] in _SEEN_BY_EACH:
            most[key] = max(most.get(key, []), [*values])
    return _add_up(counters) | most


def _plain(kind: Family, numbers: Mapping[Any, list[float]]) -> Metric:
    made: Any = kind.make()
    for labels, (value,) in numbers.items():
        made.add_metric(labels, value)
    metric: Metric = made
    return metric


def _build() -> Metric:
    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:  # a build under another name
        runtime = ""
    labels = (version("inference"), platform.python_version(), runtime)
    return _plain(family.BUILD, {labels: [1.0]})


def _requests(requests: Numbers, exemplars: Exemplars | None) -> Iterator[Metric]:
    count, whole, phases = (
        kind.make() for kind in (family.REQUESTS, family.DURATION, family.PHASES)
    )
    by_phase: dict[Key, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for labels, values in requests.items():
        answered = sum(values[:SUM])
        count.add_metric(labels, answered)
        buckets, seconds = cumulate(values)
        whole.add_metric(labels, exemplars.add(labels, buckets) if exemplars else buckets, seconds)
        _, model, number, status = labels
        if status == "200":
            for phase, seconds in zip(PHASES, values[SUM + 1 :], strict=True):
                before = by_phase[model, number, phase]
                by_phase[model, number, phase] = (before[0] + answered, before[1] + seconds)
    for labels, (answered, seconds) in by_phase.items():
        phases.add_metric(labels, int(answered), seconds)
    yield from (count, whole, phases)


def _batches(runs: Numbers) -> Metric:
    made = family.BATCHES.make()
    by_version: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for (model, number, size), (count, *_) in runs.items():
        by_version[model, number][int(size)] = count
    for labels, sizes in by_version.items():
        below = [
            (str(float(bound)), sum(count for size, count in sizes.items() if size <= bound))
            for bound in family.BATCH_BOUNDS
        ]
        total = sum(size * count for size, count in sizes.items())
        made.add_metric(labels, [*below, ("+Inf", sum(sizes.values()))], total)
    metric: Metric = made
    return metric


def _answers(counted: Numbers) -> Iterator[Metric]:
    kinds = (
        (family.LABELS, answers.LABEL),
        (family.RANGE, answers.RANGE),
        (family.EXPLANATIONS, explanation_counts.EXPLAINED),
        (family.EXPLANATION_COSTS, explanation_counts.EXPLAINED_ROWS),
        (family.FEEDBACK, FEEDBACK),
    )
    for kind, what in kinds:
        yield _plain(kind, {key[1:]: values for key, values in counted.items() if key[0] == what})


def _logged(counted: Numbers) -> Iterator[Metric]:
    logged = {key[1:]: values for key, values in counted.items() if key[0] == "logged"}
    yield _plain(family.LOGGED, limit_versions(logged, 0))
    lost = {key[1:]: values for key, values in counted.items() if key[0] == "lost"}
    yield _plain(family.UNWRITTEN, lost)


def _models(snapshot: Snapshot) -> Iterator[Metric]:
    models = snapshot.models
    states: list[str] = [model.state for model in models.values()]
    yield _plain(family.MODELS, {(state,): [float(states.count(state))] for state in _STATES})
    # A folder may hold thousands of files that are not models.
    pairs = sorted(zip(models, states, strict=True), key=lambda pair: pair[1] != "ready")
    shown = max(family.SHOWN_MODELS, states.count("ready"))
    yield _plain(family.MODEL_STATE, {pair: [1.0] for pair in pairs[:shown]})
    active = {(name,): [float(m.active.version)] for name, m in models.items() if m.active}
    yield _plain(family.ACTIVE, active)


def _held_out(snapshot: Snapshot) -> Metric:
    scores: dict[Key, list[float]] = {}
    for name, model in snapshot.models.items():
        for number, one in model.versions.items():
            contract = one.servable and one.servable.contract
            metrics = contract.training.metrics if contract else None
            for metric in _SCORES if metrics else ():
                score = getattr(metrics, metric)
                if score is not None:
                    scores[name, str(number), metric] = [score]
    return _plain(operation.HELD_OUT, scores)


def _processes(processes: Processes | None) -> Iterator[Metric]:
    yield _plain(operation.RESTARTS, processes.restarts if processes else {})
    yield _plain(operation.MEMORY, processes.memory_bytes if processes else {})


def _events(counted: Numbers) -> Iterator[Metric]:
    kinds = {
        "examined": family.ADMISSIONS,
        "loaded": family.LOADS,
        "swapped": family.SWAPS,
        "quarantined": family.QUARANTINES,
        "refused": family.REFUSED,
        "chosen": family.CHOICES,
        "unlogged": family.UNLOGGED,
        "unwatched": family.UNWATCHED,
        "traces": operation.TRACES,
    }
    made = {event: kind.make() for event, kind in kinds.items()}
    for (event, label), (count, seconds) in counted.items():
        if kinds[event].kind == "summary":
            made[event].add_metric([label], int(count), seconds)
        else:
            made[event].add_metric([label], count)
    yield from made.values()
