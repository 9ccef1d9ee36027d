"""Requirements: limits on ratios within one run, and on a few absolute figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmark.figures import column, ratios, spread
from benchmark.names import FOREST, LOGISTIC, SCAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmark.figures import Results, Spread


@dataclass(frozen=True)
class Criterion:
    """One bound.

    Attributes:
        group: Those of one group are about the same promise.
        what: Which figure, in words.
        side: On which side of the bound it has to be.
        bound: The bound.
        unit: Of both; empty for a ratio.
        values: Gives the figure of each round; raises ``KeyError`` where it was not measured.
    """

    group: str
    what: str
    side: Literal["at least", "at most"]
    bound: float
    unit: str
    values: Callable[[Results], Sequence[float]]


@dataclass(frozen=True)
class Verdict:
    """What became of a criterion; ``measured`` is ``None`` where it was not measured."""

    criterion: Criterion
    measured: Spread | None

    @property
    def holds(self) -> bool | None:
        """Whether the median is on the right side."""
        if self.measured is None:
            return None
        if self.criterion.side == "at least":
            return self.measured.median >= self.criterion.bound
        return self.measured.median <= self.criterion.bound


def judge(results: Results) -> list[Verdict]:
    """Hold every criterion against what was measured."""
    verdicts: list[Verdict] = []
    for criterion in CRITERIA:
        try:
            measured = spread(criterion.values(results))
        except KeyError:
            measured = None
        verdicts.append(Verdict(criterion, measured))
    return verdicts


def _ratio(over: str, under: str, field: str = "rate") -> Callable[[Results], Sequence[float]]:
    return lambda results: ratios(results, over, under, field)


def _field(name: str, field: str) -> Callable[[Results], Sequence[float]]:
    return lambda results: column(results, name, field)


def _failures(prefix: str) -> Callable[[Results], Sequence[float]]:
    def count(results: Results) -> Sequence[float]:
        names = [name for name in results if name.startswith(prefix)]
        if not names:
            raise KeyError(prefix)
        return [sum(figures["failures"] for name in names for figures in results[name])]

    return count


def _throughput() -> Iterator[Criterion]:
    for connections, asgi, direct in ((16, 0.5, 0.8), (1, 0.7, 0.9)):
        row = f"single/{LOGISTIC}/{connections}"
        echo = f"single/any/{connections}/echo"
        said = f"one row, logistic regression, {connections} connection{'s' * (connections > 1)}"
        group = "Share of the throughput of a bare ASGI echo"
        yield Criterion(
            group, f"{said}, pure ASGI", "at least", asgi, "", _ratio(f"{row}/asgi", echo)
        )
        yield Criterion(
            group, f"{said}, direct protocol", "at least", direct, "", _ratio(f"{row}/direct", echo)
        )
    group = "Throughput relative to common stacks; one row, 16 connections"
    for model, peer, bound in (
        (LOGISTIC, "fastapi_onnx", 4),
        (LOGISTIC, "fastapi_joblib", 10),
        (FOREST, "fastapi_joblib", 100),
    ):
        row = f"single/{model}/16"
        what = f"{_SAID[model]} against {_SAID[peer]}"
        values = _ratio(f"{row}/direct", f"{row}/{peer}")
        yield Criterion(group, what, "at least", bound, "", values)
    yield Criterion(
        "Batching: throughput relative to no batching",
        "k-nearest-neighbors as skl2onnx converts it by default, one row, 64 connections",
        "at least",
        8,
        "",
        _ratio(f"batching/{SCAN}/on", f"batching/{SCAN}/off"),
    )
    group = "1,000 rows, forest: time relative to `session.run` alone"
    for form, said, most in (("binary", "binary tensor", 1.3), ("records", "JSON records", 2.0)):
        values = _ratio(f"thousand/{FOREST}/{form}", f"thousand/{FOREST}/session.run", "p50_ms")
        yield Criterion(group, said, "at most", most, "", values)


def _latency() -> Iterator[Criterion]:
    group = (
        "A cheap model beside a costly one under full load: p99 relative to the cheap model alone"
    )
    for place, where in _PLACES.items():
        for other in ("forest-1000-rows", "neighbors"):
            for connections in _COUNTS[place]:
                name = f"beside/{place}/{connections}"
                values = _ratio(f"{name}/{other}", f"{name}/alone", "p99_ms")
                what = f"{_SAID[other]}, {_count(connections)}, {where}"
                yield Criterion(group, what, "at most", 3, "", values)
    group = "Continuous republishing: p99 relative to the p99 at rest"
    for place, where in _PLACES.items():
        for connections in _COUNTS[place]:
            name = f"republishing/{place}/{connections}"
            values = _ratio(f"{name}/republished", f"{name}/at-rest", "p99_ms")
            yield Criterion(group, f"{_count(connections)}, {where}", "at most", 3, "", values)
    yield Criterion(group, "failed requests", "at most", 0, "failures", _failures("republishing/"))


def _size() -> Iterator[Criterion]:
    group = "Two workers on two cores: throughput relative to one worker"
    for model in (LOGISTIC, FOREST):
        values = _ratio(f"workers/{model}/2", f"workers/{model}/1")
        yield Criterion(group, _SAID[model], "at least", 1.7, "", values)
    group = "Start and size"
    for kind in ("warm", "cold"):
        values = _field(f"start/{kind}", "all_seconds")
        what = f"from the start to the answers of five models, {_SAID[kind]}"
        yield Criterion(group, what, "at most", 1.5, "s", values)
    values = _field("start/warm", "resident_megabytes")
    what = "resident memory of one worker with five models"
    yield Criterion(group, what, "at most", 120, "MB", values)
    values = _field("image/api", "megabytes")
    yield Criterion(group, "the service's image, including its base", "at most", 300, "MB", values)


def _count(connections: int) -> str:
    return "1 connection" if connections == 1 else f"{connections} connections"


_COUNTS = {"one-core": (1, 16), "all-cores": (16,)}
_PLACES = {"one-core": "server on one core", "all-cores": "server on all cores"}
_SAID = {
    LOGISTIC: "logistic regression",
    FOREST: "forest of 200 trees",
    "fastapi_onnx": "FastAPI, pydantic and onnxruntime",
    "fastapi_joblib": "FastAPI, joblib and scikit-learn",
    "forest-1000-rows": "beside 1,000 rows to the forest",
    "neighbors": "beside one row to k-nearest-neighbors by scan",
    "warm": "the files examined before",
    "cold": "the files never examined",
}
CRITERIA = (*_throughput(), *_latency(), *_size())
