"""A split on every route that names no version, in one process."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import penguins
from support.service.caller import Caller
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.long

ROW = [39.1, 18.7, 181.0, 3750.0]
TENSOR = {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": ROW}]}
ROUTES = [
    ("/models/m/predict", ROW),
    ("/predict/", ROW),
    ("/v2/models/m/infer", TENSOR),
    ("/models/m/explain", ROW),
    ("/models/m/whatif?feature=body_mass_g", ROW),
]


def version_of(answer: dict[str, Any]) -> int:
    return int(answer.get("version") or answer["model_version"])


def ask(service: Service, path: str, body: Any, **headers: str) -> int:
    answer = service.client.post(path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return version_of(answer.json())


@pytest.fixture(autouse=True)
def _select(shared: Service) -> None:
    assert shared.client.post("/select-model/?model=m").status_code == 200


@pytest.mark.parametrize(("path", "body"), ROUTES, ids=[path for path, _ in ROUTES])
def test_every_route_without_a_version_is_split(
    shared: Service, traffic: Callable[..., Any], path: str, body: Any
) -> None:
    traffic(split={"2": 75, "4": 25})
    seen = Counter(ask(shared, path, body) for _ in range(80))
    assert set(seen) == {2, 4}
    assert 17 <= seen[4] <= 23


@pytest.mark.parametrize(("path", "body"), ROUTES, ids=[path for path, _ in ROUTES])
def test_a_sticky_header_gets_the_same_version_on_every_route(
    shared: Service, traffic: Callable[..., Any], path: str, body: Any
) -> None:
    traffic(split={"2": 50, "4": 50}, sticky="X-User")
    first = [ask(shared, "/models/m/predict", ROW, **{"x-user": f"{n}"}) for n in range(30)]
    assert set(first) == {2, 4}
    assert [ask(shared, path, body, **{"X-USER": f"{n}"}) for n in range(30)] == first


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/models/m/versions/5/predict", ROW),
        ("/v2/models/m/versions/5/infer", TENSOR),
        ("/models/m/versions/5/explain", ROW),
    ],
)
def test_a_route_that_names_a_version_gets_it(
    shared: Service, traffic: Callable[..., Any], path: str, body: Any
) -> None:
    traffic(split={"2": 50, "4": 50})
    assert {ask(shared, path, body) for _ in range(10)} == {5}


def test_a_selected_version_is_not_split(shared: Service, traffic: Callable[..., Any]) -> None:
    traffic(split={"2": 50, "4": 50})
    assert shared.client.post("/select-model/?model=m&version=5").status_code == 200
    assert {ask(shared, "/predict/", ROW) for _ in range(10)} == {5}


def test_requests_that_wait_are_split_as_those_that_do_not(
    shared: Service, traffic: Callable[..., Any]
) -> None:
    """A large body is read in a thread, so its request is looked up twice."""
    traffic(split={"2": 50, "4": 50})
    bodies = [[ROW] * (3 if n % 2 else 1500) for n in range(40)]
    versions = [ask(shared, "/models/m/predict", body) for body in bodies]
    for kind in (versions[::2], versions[1::2]):
        assert 8 <= kind.count(2) <= 12


def test_the_traffic_is_shown_and_its_versions_stay_loaded(
    shared: Service, traffic: Callable[..., Any]
) -> None:
    answer = traffic(split={"2": 90, "4": 10}, shadow=1, sticky="X-User")
    expected = {
        "split": {"2": 90, "4": 10},
        "shares": {"2": 90, "4": 10},
        "shadow": {"version": 1, "percent": 100},
        "sticky": "x-user",
        "promote": None,
    }
    measured: dict[str, Any] = {
        "new_version": 1,
        **dict.fromkeys(("rows", "failed", "different", "dropped"), 0),
        "disagreement": None,
        "p99_ratio": None,
        "error_rate": 0,
        "difference": None,
        "p99_seconds": {},
    }
    document = {"model": "m", "active_version": 2, "traffic": expected}
    assert answer == document | {"measured": measured, "decision": None}
    assert shared.client.get("/models/m/traffic").json() == answer
    listed = shared.client.get("/models").json()["models"][0]
    assert (listed["traffic"], listed["active_version"]) == (expected, 2)
    assert shared.model("m")["traffic"] == expected
    loaded = shared.wait_for("m", loaded_versions=[1, 2, 4, 5])  # 5 is the one that is kept
    assert loaded["pinned_version"] is None
    assert shared.client.delete("/models/m/traffic").json()["traffic"] is None
    shared.wait_for("m", loaded_versions=[5], active_version=5, traffic=None)


def test_a_pin_ends_the_traffic_and_stays_below_another_one(
    shared: Service, traffic: Callable[..., Any]
) -> None:
    traffic(split={"2": 50, "4": 50})
    assert shared.client.put("/models/m/active", json={"version": 3}).status_code == 200
    assert shared.client.get("/models/m/traffic").json()["traffic"] is None
    assert {ask(shared, "/models/m/predict", ROW) for _ in range(6)} == {3}
    traffic(split={"2": 50, "4": 50})
    assert shared.model("m")["pinned_version"] == 3
    assert {ask(shared, "/models/m/predict", ROW) for _ in range(6)} == {2, 4}
    shared.client.delete("/models/m/traffic")
    assert {ask(shared, "/models/m/predict", ROW) for _ in range(6)} == {3}
    traffic(shadow=5)  # the highest version, which the pin keeps from answering
    assert {ask(shared, "/models/m/predict", ROW) for _ in range(6)} == {3}


def test_no_request_fails_while_the_traffic_changes(
    shared: Service, traffic: Callable[..., Any]
) -> None:
    with Caller(shared, "/models/m/predict") as caller:
        for turn in range(12):
            traffic(split={"2": 90 - turn, "4": 10 + turn}, sticky="x-user" if turn % 2 else None)
            if turn % 4 == 3:
                assert shared.client.delete("/models/m/traffic").status_code == 200
            seen = sum(caller.answers.values())
            eventually(lambda seen=seen: sum(caller.answers.values()) > seen + 30)
    assert caller.failures == []
    assert set(caller.answers) == {2, 4, 5}


def test_the_share_of_a_version_that_vanishes_goes_to_the_others(
    shared: Service, traffic: Callable[..., Any]
) -> None:
    shared.put("m/6/model.onnx", penguins(note="goes"))
    shared.wait_for("m", active_version=6)
    traffic(split={"2": 50, "6": 50})
    with Caller(shared, "/models/m/predict") as caller:
        (shared.models / "m/6/model.onnx").unlink()
        eventually(lambda: shared.model("m")["traffic"]["shares"] == {"2": 100, "6": 0})
        seen = caller.answers[2]
        eventually(lambda: caller.answers[2] > seen + 30)
        shared.put("m/6/model.onnx", penguins(note="goes"))
        eventually(lambda: shared.model("m")["traffic"]["shares"] == {"2": 50, "6": 50})
        seen = caller.answers[6]
        eventually(lambda: caller.answers[6] > seen + 30)
    assert caller.failures == []
    assert "version 6 of model m answers no more: its share of the traffic goes to" in shared.log
    (shared.models / "m/6/model.onnx").unlink()
    eventually(lambda: shared.model("m")["traffic"]["shares"] == {"2": 100, "6": 0})


def test_a_split_without_any_version_left_does_not_stop_the_model(
    shared: Service, traffic: Callable[..., Any]
) -> None:
    shared.put("m/7/model.onnx", penguins(note="goes, too"))
    shared.wait_for("m", active_version=7)
    traffic(split={"7": 100})
    with Caller(shared, "/models/m/predict") as caller:
        (shared.models / "m/7/model.onnx").unlink()
        shared.wait_for("m", active_version=5)
    assert caller.failures == []


def refused(service: Service, status: int, **change: Any) -> str:
    answer = service.client.put("/models/m/traffic", json=change)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({}, 422, "name a split, a shadow, or both"),
        ({"split": {}}, 422, "names no version"),
        ({"split": {"3": 90, "4": 5}}, 422, "split: the shares add up to 95: they are percent"),
        ({"split": {"3": 90, "4": 10.1}}, 422, "add up to 100.1"),
        ({"split": {"3": 110, "4": -10}}, 422, "less than or equal to 100"),
        ({"split": {"3": 100, "4": 0}}, 422, "split.4: Input should be greater than 0"),
        ({"split": {"3": True, "4": 99}}, 422, "split.3: Input should be a valid number"),
        ({"split": {"3": "90", "4": 10}}, 422, "split.3: Input should be a valid number"),
        ({"split": {"+3": 100}}, 422, "'+3' is not a version"),
        ({"split": {"0": 100}}, 422, "'0' is not a version"),
        ({"split": {"v3": 100}}, 422, "'v3' is not a version"),
        ({"split": {str(n): 1 for n in range(1, 101)}}, 422, "100 versions, the limit is 16"),
        ({"split": [90, 10]}, 422, "valid dictionary"),
        ({"split": {"3": 90, "9": 10}}, 404, "has no version 9; it has 1, 2, 3, 4, 5"),
        ({"shadow": 9}, 404, "has no version 9"),
        ({"shadow": 5}, 409, "version 5 of model 'm' answers its requests"),
        ({"shadow": True}, 422, "shadow: it must be a version such as 4, or {"),
        ({"shadow": "4"}, 422, "shadow: it must be a version such as 4, or {"),
        ({"shadow": 4.0}, 422, "shadow: it must be a version such as 4, or {"),
        ({"shadow": 0}, 422, "body.shadow.version: Input should be greater than or equal to 1"),
        ({"shadow": {"version": 4, "percent": 0}}, 422, "body.shadow.percent: Input should be gr"),
        ({"shadow": {"percent": 5}}, 422, "body.shadow.version: Field required"),
        ({"split": {"3": 90, "4": 10}, "shadow": 4}, 422, "version 4 has a share"),
        ({"shadow": 4, "sticky": "x-user"}, 422, "name a split"),
        ({"split": {"3": 100}, "sticky": "x user"}, 422, "'x user' is not the name of a header"),
        ({"split": {"3": 100}, "sticky": ""}, 422, "use one such as x-customer"),
        ({"split": {"3": 100}, "sticky": "x" * 65}, 422, "up to 64 characters"),
        ({"splitt": {"3": 100}}, 422, "splitt: Extra inputs"),
        ({"shadow": 4, "promote": {"after_rows": 10}}, 422, "promote has no gate"),
        (
            {"split": {"3": 100}, "promote": {"after_rows": 10, "max_error_rate": 0}},
            422,
            "promote compares two versions",
        ),
        (
            {"split": {"3": 9, "4": 91}, "promote": {"after_rows": 1, "max_disagreement": 0}},
            422,
            "max_disagreement needs a shadow",
        ),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else None,
)
def test_a_wrong_change_is_refused_with_its_reason(
    shared: Service, change: dict[str, Any], status: int, said: str
) -> None:
    assert said in refused(shared, status, **change)
    assert shared.client.get("/models/m/traffic").json()["traffic"] is None


@pytest.mark.parametrize("body", [b"{", b"", b"split", b'{"split": {"3": 100}'])
def test_a_body_that_is_no_json_is_refused_with_the_place(shared: Service, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = shared.client.put("/models/m/traffic", content=body, headers=headers)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert "the body is not JSON: Expecting" in detail or detail == "body: Field required"


def test_an_unknown_model_is_refused(shared: Service) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body = {"split": {"1": 100}} if method == "PUT" else None
        answer = shared.client.request(method, "/models/nothing/traffic", json=body)
        assert answer.status_code == 404


def test_shares_may_have_decimals(shared: Service, traffic: Callable[..., Any]) -> None:
    answer = traffic(split={"1": 33.3, "2": 33.3, "3": 33.4})
    assert answer["traffic"]["split"] == {"1": 33.3, "2": 33.3, "3": 33.4}
    assert shared.client.get("/models/m/traffic").json() == answer


def test_the_same_change_again_changes_nothing(
    shared: Service, traffic: Callable[..., Any]
) -> None:
    for _ in range(2):
        traffic(split={"1": 50, "2": 50})
    state = json.loads((shared.root / "state/state.json").read_text())["traffic"]["m"]
    traffic(split={"1": 50, "2": 50})
    assert json.loads((shared.root / "state/state.json").read_text())["traffic"]["m"] == state


def test_a_body_of_another_media_type_is_refused_with_the_right_one(shared: Service) -> None:
    for path in ("active", "traffic"):
        for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
            body = b'{"version": 1}'
            answer = shared.client.put(f"/models/m/{path}", content=body, headers=headers)
            assert answer.status_code == 422
            assert "send the header 'Content-Type: application/json'" in answer.json()["detail"]
