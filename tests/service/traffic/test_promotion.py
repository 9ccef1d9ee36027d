"""A rollout that ends by itself: promoted, or rolled back with the gate that is broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import penguins
from support.monitoring.slow_models import failing_penguins, slow_penguins
from support.service.caller import Caller
from support.service.process import eventually
from support.service.workers import HOT, everywhere

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.long

HEAVY = [50.0, 16.3, 230.0, 6200.0]


@pytest.fixture
def serve(make_service: Callable[..., Service]) -> Callable[..., Service]:
    def start(new: bytes, **settings: object) -> Service:
        service = make_service(**settings)
        service.put("m/1/model.onnx", penguins())
        service.put("m/2/model.onnx", new)
        service.start()
        assert service.client.put("/models/m/active", json={"version": 1}).status_code == 200
        return service

    return start


def roll_out(service: Service, promote: dict[str, Any], **change: Any) -> None:
    body = (change or {"shadow": 2}) | {"promote": promote}
    answer = service.client.put("/models/m/traffic", json=body)
    assert answer.status_code == 200, answer.text


def decided(service: Service, path: str = HOT) -> dict[str, Any]:
    """Ask until the rollout has ended."""
    with Caller(service, path) as caller:
        view = eventually(
            lambda: (v := service.client.get("/models/m/traffic").json())["decision"] and v,
            within=60,
            every=0.1,
        )
    assert caller.failures == []
    assert view["traffic"] is None
    decision: dict[str, Any] = view["decision"]
    return decision


def test_a_shadow_that_agrees_is_promoted(serve: Callable[..., Service]) -> None:
    service = serve(penguins(note="the same answers"))
    roll_out(service, {"after_rows": 300, "max_disagreement": 0, "max_error_rate": 0})
    decision = decided(service)
    assert decision["outcome"] == "promoted"
    assert (decision["version"], decision["pinned_version"]) == (2, 2)
    assert decision["rows"] >= 300
    assert decision["gate"] is None
    shown = service.wait_for("m", active_version=2, pinned_version=2, traffic=None)
    assert shown["state"] == "ready"
    promoted = "version 2 of model m is promoted and pinned: all gates hold"
    eventually(lambda: promoted in service.log, what="a line behind the choice")
    assert service.log.count(promoted) == 1


def test_a_shadow_that_disagrees_is_rolled_back_with_the_gate(
    serve: Callable[..., Service],
) -> None:
    service = serve(penguins(seed=3))
    predictions = [
        service.client.post(f"/models/m/versions/{v}/predict", json=[39.1, 18.7, 181.0, 3750.0])
        for v in (1, 2)
    ]
    assert len({p.json()["label"] for p in predictions}) == 2, "the seeds answer differently"
    roll_out(service, {"after_rows": 100_000, "max_disagreement": 0.001})
    decision = decided(service)
    assert (decision["outcome"], decision["pinned_version"]) == ("rolled_back", 1)
    assert (decision["gate"], decision["limit"]) == ("max_disagreement", 0.001)
    assert decision["value"] > 0.9
    assert decision["rows"] < 100_000, "what cannot hold any more is not waited for"
    said = "version 1 is pinned: max_disagreement permits 0.001, measured 1"
    eventually(lambda: said in service.log, what="a line behind the choice")


@pytest.mark.slow
def test_a_slow_shadow_is_rolled_back(serve: Callable[..., Service]) -> None:
    service = serve(slow_penguins(3000))
    roll_out(service, {"after_rows": 200, "max_p99_ratio": 2})
    decision = decided(service)
    assert (decision["outcome"], decision["gate"]) == ("rolled_back", "max_p99_ratio")
    assert decision["value"] > 2


def test_a_version_of_a_split_that_fails_is_rolled_back(serve: Callable[..., Service]) -> None:
    service = serve(failing_penguins())
    roll_out(service, {"after_rows": 50, "max_error_rate": 0.1}, split={"1": 50, "2": 50})

    def ask() -> bool:
        service.client.post(HOT, json=HEAVY)
        return bool(service.client.get("/models/m/traffic").json()["decision"])

    eventually(ask, within=60)
    decision = service.client.get("/models/m/traffic").json()["decision"]
    assert (decision["outcome"], decision["gate"]) == ("rolled_back", "max_error_rate")
    assert decision["value"] > 0.1
    answers = [service.client.post(HOT, json=HEAVY) for _ in range(10)]
    assert {a.json()["version"] for a in answers} == {1}


def test_a_version_of_a_split_that_holds_is_promoted(serve: Callable[..., Service]) -> None:
    service = serve(penguins(note="as fast"))
    gates = {"after_rows": 200, "max_error_rate": 0, "max_p99_ratio": 100}
    roll_out(service, gates, split={"1": 50, "2": 50})
    assert decided(service)["outcome"] == "promoted"
    service.wait_for("m", active_version=2, pinned_version=2)


def test_what_was_measured_is_shown_while_it_goes_on(serve: Callable[..., Service]) -> None:
    service = serve(penguins(note="the same answers"))
    roll_out(service, {"after_rows": 10**9, "max_disagreement": 0.5})
    with Caller(service, HOT):
        view = eventually(
            lambda: (v := service.client.get("/models/m/traffic").json())["measured"]["rows"] and v
        )
    assert view["decision"] is None
    assert view["measured"]["new_version"] == 2
    assert view["measured"]["disagreement"] == 0
    assert view["traffic"]["promote"] == {"after_rows": 10**9, "max_disagreement": 0.5}


def test_open_pages_get_an_event_about_the_end(serve: Callable[..., Service]) -> None:
    service = serve(penguins(note="the same answers"))
    roll_out(service, {"after_rows": 50, "max_error_rate": 0})
    with service.client.stream("GET", "/events?model=m") as events:
        lines = events.iter_lines()
        assert next(lines)
        assert decided(service)["outcome"] == "promoted"
        for line in lines:
            if line == "event: rollout":
                break
        sent = json.loads(next(lines).removeprefix("data: "))
    assert (sent["model"], sent["outcome"], sent["pinned_version"]) == ("m", "promoted", 2)


@pytest.mark.slow
def test_one_of_several_workers_decides_and_all_count(serve: Callable[..., Service]) -> None:
    service = serve(penguins(note="the same answers"), workers=3)
    roll_out(service, {"after_rows": 600, "max_disagreement": 0})
    everywhere(service, HOT, 60)
    decision = decided(service)
    assert decision["outcome"] == "promoted"
    assert {a.json()["version"] for a in everywhere(service, HOT)} == {2}
    eventually(lambda: "is promoted and pinned" in service.log, what="a line behind the choice")
    counted = 'inference_choices_total{change="decisions"} 1.0'
    eventually(lambda: counted in service.client.get("/metrics").text, what=counted)
    assert service.log.count("is promoted and pinned") == 1


@pytest.mark.slow
def test_a_rollout_goes_on_after_a_restart(
    serve: Callable[..., Service], make_service: Callable[..., Service]
) -> None:
    service = serve(penguins(note="the same answers"))
    roll_out(service, {"after_rows": 200, "max_disagreement": 0})
    assert service.stop() == 0
    again = make_service().start()
    assert again.client.get("/models/m/traffic").json()["traffic"]["shadow"]["version"] == 2
    assert decided(again)["outcome"] == "promoted"
