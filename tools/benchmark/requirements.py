"""What the service must hold: ratios within one run, and a few absolute figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.criteria import Criterion, failures_of, field_of, ratio_of
from benchmark.names import FOREST, LOGISTIC, SCAN, TREES

if TYPE_CHECKING:
    from collections.abc import Iterator

# By number of connections; all with a new head in each request except "identical".
_OF_ECHO = {
    16: {
        f"{LOGISTIC}/repeated": 1.4,
        f"{LOGISTIC}/direct": 1.2,
        f"{LOGISTIC}/v2-repeated": 1.0,
        f"{LOGISTIC}/v2": 0.9,
        f"{FOREST}/direct": 1.1,
    },
    1: {
        f"{LOGISTIC}/repeated": 1.0,
        f"{LOGISTIC}/direct": 0.9,
        f"{LOGISTIC}/v2": 0.9,
        f"{FOREST}/direct": 0.95,
    },
}


def _echo() -> Iterator[Criterion]:
    group = "Share of the throughput of a bare ASGI echo"
    for connections, bounds in _OF_ECHO.items():
        echo = f"single/any/{connections}/echo"
        for name, bound in bounds.items():
            model, form = name.split("/")
            what = f"{_SAID[model]}, {_SAID[form]}, {_count(connections)}"
            values = ratio_of(f"single/{model}/{connections}/{form}", echo)
            yield Criterion(group, what, "at least", bound, "", values)
    group = "p99 relative to that of the echo, 1 connection"
    for form in ("repeated", "direct", "v2"):
        values = ratio_of(f"single/{LOGISTIC}/1/{form}", "single/any/1/echo", "p99_ms")
        yield Criterion(group, f"{_SAID[LOGISTIC]}, {_SAID[form]}", "at most", 1.5, "", values)
    group = "Throughput relative to that without the setting, 16 connections"
    for kind, bound in (("keys", 0.92), ("rate-limit", 0.9), ("request-log", 0.75)):
        values = ratio_of(f"settings/{kind}", "settings/none")
        yield Criterion(group, _SAID[kind], "at least", bound, "", values)


def _peers() -> Iterator[Criterion]:
    group = "Throughput relative to other stacks; one row, another head each, 16 connections"
    for model, peer, bound in (
        (LOGISTIC, "fastapi_onnx", 4),
        (LOGISTIC, "mlserver", 10),
        (LOGISTIC, "fastapi_joblib", 10),
        (FOREST, "mlserver", 100),
        (FOREST, "fastapi_joblib", 100),
    ):
        row = f"single/{model}/16"
        what = f"{_SAID[model]} against {_SAID[peer]}"
        values = ratio_of(f"{row}/direct", f"{row}/{peer}")
        yield Criterion(group, what, "at least", bound, "", values)


def _runs() -> Iterator[Criterion]:
    yield Criterion(
        "Batching: throughput relative to no batching",
        "k-nearest-neighbors as skl2onnx converts it by default, one row, 64 connections",
        "at least",
        8,
        "",
        ratio_of(f"batching/{SCAN}/on", f"batching/{SCAN}/off"),
    )
    group = "1,000 rows, forest: time relative to `session.run` alone"
    for form, said, most in (("binary", "binary tensor", 1.1), ("records", "JSON records", 1.3)):
        values = ratio_of(f"thousand/{FOREST}/{form}", f"thousand/{FOREST}/session.run", "p50_ms")
        yield Criterion(group, said, "at most", most, "", values)
    values = field_of(f"thousand/{LOGISTIC}/records", "p50_ms")
    group = "1,000 rows, logistic regression"
    yield Criterion(group, "JSON records (1.46 ms in version 0.2)", "at most", 0.73, "ms", values)
    group = "200 trees: time of the published file relative to that of the converter's"
    for name in TREES:
        for rows, said in ((1, "one row"), (1000, "1,000 rows")):
            place = f"trees/{name}/{rows}"
            values = ratio_of(f"{place}/published", f"{place}/converter", "p50_ms")
            yield Criterion(group, f"{name}, {said}", "at most", 1.1, "", values)


def _latency() -> Iterator[Criterion]:
    group = (
        "A cheap model beside a costly one under full load: p99 relative to the cheap model alone"
    )
    for place, where in _PLACES.items():
        for other in ("forest-1000-rows", "neighbors"):
            for connections in _COUNTS[place]:
                name = f"beside/{place}/{connections}"
                values = ratio_of(f"{name}/{other}", f"{name}/alone", "p99_ms")
                what = f"{_SAID[other]}, {_count(connections)}, {where}"
                yield Criterion(group, what, "at most", 3, "", values)
    group = "Continuous republishing: p99 relative to the p99 at rest"
    name = "republishing/one-core/1"
    values = ratio_of(f"{name}/republished", f"{name}/at-rest", "p99_ms")
    what = "1 connection, server on one core, every round"
    yield Criterion(group, what, "at most", 2, "", values, in_every_round=True)
    for place, where in _PLACES.items():
        name = f"republishing/{place}/16"
        values = ratio_of(f"{name}/republished", f"{name}/at-rest", "p99_ms")
        yield Criterion(group, f"16 connections, {where}", "at most", 3, "", values)
    values = failures_of("republishing/")
    yield Criterion(group, "failed requests", "at most", 0, "failures", values)


def _explanations() -> Iterator[Criterion]:
    group = "Explanation of one row, 64 background rows, 1 connection: p99"
    for model, most in ((LOGISTIC, 3), (FOREST, 15)):
        values = field_of(f"explanations/{model}/explain", "p99_ms")
        yield Criterion(group, _SAID[model], "at most", most, "ms", values)


def _monitoring() -> Iterator[Criterion]:
    group = "Throughput relative to that without anything that watches"
    for kind, bound in (("drift", 0.97), ("log", 0.97), ("split", 0.97), ("shadow-10", 0.9)):
        for connections in (16, 1):
            name = f"monitoring/{connections}"
            values = ratio_of(f"{name}/{kind}", f"{name}/off")
            what = f"{_SAID[kind]}, {_count(connections)}"
            yield Criterion(group, what, "at least", bound, "", values)
    group = "p99 relative to that without anything that watches, 1 connection"
    values = ratio_of("monitoring/1/drift", "monitoring/1/off", "p99_ms")
    yield Criterion(group, _SAID["drift"], "at most", 1.1, "", values)


def _size() -> Iterator[Criterion]:
    group = "Two workers on two cores: throughput relative to one worker"
    for model in (LOGISTIC, FOREST):
        values = ratio_of(f"workers/{model}/2", f"workers/{model}/1")
        yield Criterion(group, _SAID[model], "at least", 1.7, "", values)
    group = "Start and size"
    for kind, bound in (("warm", 0.4), ("cold", 0.5)):
        values = field_of(f"start/{kind}", "all_seconds")
        what = f"from the start to the answers of five models, {_SAID[kind]}"
        yield Criterion(group, what, "at most", bound, "s", values)
    values = field_of("start/warm", "resident_megabytes")
    what = "resident memory of one worker with five models"
    yield Criterion(group, what, "at most", 120, "MB", values)
    values = field_of("image/api", "megabytes")
    yield Criterion(group, "the service's image, including its base", "at most", 300, "MB", values)


def _count(connections: int) -> str:
    return "1 connection" if connections == 1 else f"{connections} connections"


_COUNTS = {"one-core": (1, 16), "all-cores": (16,)}
_PLACES = {"one-core": "server on one core", "all-cores": "server on all cores"}
_SAID = {
    LOGISTIC: "logistic regression",
    FOREST: "forest of 200 trees",
    "direct": "another head each",
    "repeated": "identical heads",
    "v2": "`/v2` JSON, another head each",
    "v2-repeated": "`/v2` JSON, identical heads",
    "keys": "API keys",
    "rate-limit": "API keys and a rate limit",
    "request-log": "request log as JSON",
    "fastapi_onnx": "FastAPI, pydantic and onnxruntime",
    "fastapi_joblib": "FastAPI, joblib and scikit-learn",
    "mlserver": "MLServer",
    "forest-1000-rows": "beside 1,000 rows to the forest",
    "neighbors": "beside one row to k-nearest-neighbors by scan",
    "drift": "drift, which is on by default",
    "log": "prediction log",
    "split": "split between two versions",
    "shadow-10": "shadow of 10 %",
    "warm": "the files examined before",
    "cold": "the files never examined",
}
CRITERIA = (*_peers(), *_echo(), *_runs(), *_latency(), *_explanations(), *_monitoring(), *_size())
