"""A shadow beside a running service: it answers nothing, delays nothing, and is measured."""

from __future__ import annotations

import contextlib
import itertools
import re
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import penguins
from support.monitoring.slow_models import failing_penguins, slow_penguins
from support.service.caller import Caller
from support.service.process import eventually
from support.service.raw_http import request
from support.service.workers import GOOD, HOT, connect, everywhere

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.long

ROWS = [[39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0], [50.0, 16.3, 230.0, 5700.0]]
HEAVY = [50.0, 16.3, 230.0, 6200.0]


@pytest.fixture
def shadowed(make_service: Callable[..., Service]) -> Callable[..., Service]:
    """Start a service whose version 1 answers, with another one as its shadow."""

    def start(shadow: bytes, change: Any = 2, **settings: object) -> Service:
        service = make_service(**settings)
        service.put("m/1/model.onnx", penguins())
        service.put("m/2/model.onnx", shadow)
        service.start()
        assert service.client.put("/models/m/active", json={"version": 1}).status_code == 200
        answer = service.client.put("/models/m/traffic", json={"shadow": change})
        assert answer.status_code == 200, answer.text
        return service

    return start


def metric(service: Service, name: str, **labels: str) -> float:
    """Read a metric of version 2; 0 where it has no series."""
    labels = {"model": "m", "version": "2"} | labels
    parts = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
    found = re.search(
        rf"^{name}{{{parts}}} (\S+)$", service.client.get("/metrics").text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def rows(service: Service, outcome: str = "answered") -> float:
    return metric(service, "inference_shadow_rows_total", outcome=outcome)


def see(service: Service) -> int:
    """Ask until the worker has seen that there is a shadow; return how often."""
    asked = itertools.count()
    eventually(
        lambda: (
            next(asked) >= 0
            and service.client.post(HOT, json=ROWS[0]).is_success
            and rows(service) > 0
        )
    )
    return next(asked)


def begin(service: Service) -> None:
    """Ask until the worker has seen a shadow of all requests, and all of that has been run."""
    see(service)
    before = rows(service)
    assert service.client.post(HOT, json=ROWS * 100).is_success  # more than can be on their way
    eventually(lambda: rows(service) >= before + 300)


def test_a_shadow_gets_the_rows_of_every_route_and_answers_none(
    shadowed: Callable[..., Service],
) -> None:
    service = shadowed(penguins(seed=7))
    begin(service)
    before = rows(service)
    tensor = {"name": "X", "shape": [3, 4], "datatype": "FP32", "data": ROWS}
    record = service.client.get("/models/m").json()["contract"]["samples"][0]["row"]
    bodies = [(HOT, ROWS), (HOT, record), ("/v2/models/m/infer", {"inputs": [tensor]})]
    for path, body in bodies:
        answer = service.client.post(path, json=body).json()
        assert int(answer.get("version") or answer["model_version"]) == 1
    eventually(lambda: rows(service) >= before + 7)
    assert rows(service) == before + 7
    differences = "inference_shadow_difference_count"  # behind the rows
    eventually(lambda: metric(service, differences) >= before + 7)
    assert metric(service, differences) == before + 7
    assert rows(service, "failed") == rows(service, "dropped") == 0


def test_disagreements_are_those_of_both_versions_by_hand(
    shadowed: Callable[..., Service],
) -> None:
    service = shadowed(penguins(seed=7))
    begin(service)
    # The first requests may have been answered before the worker saw the shadow.
    names = ("inference_shadow_disagreements_total", "inference_shadow_difference_sum")
    before = rows(service)
    eventually(lambda: metric(service, "inference_shadow_difference_count") == before)
    counts = [metric(service, name) for name in names]
    asked = [[32 + 7 * n % 28, 13 + n % 9, 172 + 11 * n % 59, 2700 + 91 * n] for n in range(39)]
    assert service.client.post(HOT, json=asked).status_code == 200
    eventually(lambda: rows(service) >= before + 39)
    one, two = (
        service.client.post(f"/models/m/versions/{v}/predict", json=asked).json()["predictions"]
        for v in (1, 2)
    )
    eventually(lambda: rows(service) >= before + 78)  # version 1 answered them again
    different = sum(a["label"] != b["label"] for a, b in zip(one, two, strict=True))
    gaps = [
        max(abs(a["probabilities"][name] - b["probabilities"][name]) for name in a["probabilities"])
        for a, b in zip(one, two, strict=True)
    ]

    def found() -> list[float]:
        return [metric(service, name) - count for name, count in zip(names, counts, strict=True)]

    wanted = pytest.approx([2 * different, 2 * sum(gaps)], rel=1e-4)
    eventually(lambda: found() == wanted, what="both are counted behind the rows")
    assert found()[0] == 2 * different > 0


def test_a_part_of_the_requests_is_shadowed(shadowed: Callable[..., Service]) -> None:
    service = shadowed(penguins(seed=7), {"version": 2, "percent": 20})
    asked = see(service)
    before = rows(service)
    for _ in range(200):
        assert service.client.post(HOT, json=ROWS[0]).status_code == 200
    eventually(lambda: rows(service) >= before + 38)
    assert rows(service) <= 0.2 * (asked + 200) + 2  # some of the first ones were not seen


def test_a_shadow_that_fails_is_counted_and_no_request_fails(
    shadowed: Callable[..., Service],
) -> None:
    service = shadowed(failing_penguins())
    begin(service)
    before = rows(service)
    for _ in range(10):
        assert service.client.post(HOT, json=[ROWS[0], HEAVY]).status_code == 200
        assert service.client.post(HOT, json=ROWS[0]).status_code == 200
    eventually(lambda: rows(service, "failed") >= 20)  # the rows of a request fail together
    eventually(lambda: rows(service) >= before + 10)
    assert (rows(service), rows(service, "failed")) == (before + 10, 20)
    failed = "version 2 of model m fails as shadow"
    eventually(lambda: failed in service.log, what="a line behind the count")
    assert service.log.count(failed) == 1
    assert "Traceback" not in service.log


@pytest.mark.slow
def test_a_shadow_that_is_hundreds_of_times_slower_delays_no_answer(
    shadowed: Callable[..., Service],
) -> None:
    service = shadowed(slow_penguins(20_000))

    def median_ms() -> float:
        times = []
        with connect(service) as raw:
            for _ in range(300):
                start = time.perf_counter()
                assert raw.ask(request(HOT, GOOD)).status == 200
                times.append(1e3 * (time.perf_counter() - start))
        return statistics.median(times)

    begin(service)
    with_shadow = median_ms()
    assert service.client.delete("/models/m/traffic").status_code == 200
    without = median_ms()
    assert with_shadow < 2 * without + 1, "the shadow takes about 20 ms"


@pytest.mark.slow
def test_what_a_slow_shadow_cannot_keep_up_with_is_dropped(
    shadowed: Callable[..., Service],
) -> None:
    service = shadowed(slow_penguins(200_000))
    with Caller(service, HOT) as caller:
        eventually(lambda: service.client.post(HOT, json=ROWS * 500) and rows(service, "dropped"))
    assert caller.failures == []


@pytest.mark.slow
def test_shadows_of_two_workers_count_together(shadowed: Callable[..., Service]) -> None:
    service = shadowed(penguins(seed=7), workers=2)

    def all_see_it() -> bool:
        before = rows(service)
        assert {a.json()["version"] for a in everywhere(service, HOT)} == {1}
        with contextlib.suppress(AssertionError):  # a worker that does not see it yet
            eventually(lambda: rows(service) >= before + 40, within=3)
        return rows(service) == before + 40

    eventually(lambda: everywhere(service, HOT) and rows(service) > 0)
    eventually(all_see_it, within=60, what="the requests of both workers are counted")


@pytest.mark.slow
def test_the_latency_of_both_versions_is_measured(shadowed: Callable[..., Service]) -> None:
    service = shadowed(slow_penguins(3000))
    begin(service)
    name = "inference_shadow_run_duration_seconds"

    def mean(version: str) -> float:
        seconds, runs = (
            metric(service, f"{name}_{of}", version=version) for of in ("sum", "count")
        )
        return seconds / max(runs, 1)

    def is_slower() -> bool:  # also where one of the fast runs was interrupted
        return metric(service, f"{name}_count") >= 5 and mean("2") > 2 * mean("1")

    with Caller(service, HOT):
        eventually(is_slower)
