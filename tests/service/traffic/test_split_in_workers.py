"""A split holds in every worker, over restarts, and is exact over all of them."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import eventually
from support.service.raw_http import request
from support.service.workers import GOOD, HOT, connect, everywhere, load, put_many

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.slow


def ask_many(service: Service, count: int, *headers: str) -> list[int]:
    """Ask on one connection; return the versions that answered."""
    versions = []
    with connect(service) as raw:
        for _ in range(count):
            answer = raw.ask(request(HOT, GOOD, *headers))
            assert answer.status == 200, answer.body
            versions.append(answer.json()["version"])
    return versions


def set_traffic(service: Service, **change: object) -> None:
    answer = service.client.put("/models/m/traffic", json=change)
    assert answer.status_code == 200, answer.text


def test_ten_thousand_requests_are_split_exactly(make_service: Callable[..., Service]) -> None:
    service = put_many(make_service(workers=2)).start()
    set_traffic(service, split={"2": 90, "3": 10})
    seen: Counter[int] = Counter()
    with ThreadPoolExecutor(8) as pool:  # each on a connection, which is one worker's
        for versions in pool.map(lambda _: ask_many(service, 500), range(20)):
            seen.update(versions)
    assert seen.total() == 10_000
    assert abs(seen[3] - 1000) <= 50


def test_a_change_holds_in_every_worker_from_the_next_request_on(
    make_service: Callable[..., Service],
) -> None:
    service = put_many(make_service(workers=2, keep_versions=1)).start()
    for version in (1, 2, 1, 3, 2):
        set_traffic(service, split={str(version): 100})
        answers = everywhere(service, HOT)
        assert {(a.status, a.json().get("version")) for a in answers} == {(200, version)}
    assert service.client.delete("/models/m/traffic").status_code == 200
    assert {a.json().get("version") for a in everywhere(service, HOT)} == {3}


def test_sticky_versions_stay_over_workers_and_restarts(
    make_service: Callable[..., Service],
) -> None:
    service = put_many(make_service(workers=2)).start()
    set_traffic(service, split={"1": 50, "3": 50}, sticky="x-user")

    def versions_of(one: Service) -> list[set[int]]:
        return [{v for _ in range(4) for v in ask_many(one, 1, f"X-User: {n}")} for n in range(25)]

    before = versions_of(service)
    assert all(len(versions) == 1 for versions in before)
    assert {1, 3} == set().union(*before)
    assert service.stop() == 0
    again = make_service(workers=2).start()
    assert versions_of(again) == before


def test_no_request_fails_while_the_traffic_changes_in_two_workers(
    make_service: Callable[..., Service],
) -> None:
    service = put_many(make_service(workers=2, keep_versions=1)).start()
    clients, done = load(service, 4)
    try:
        for turn in range(30):
            shares = {"1": 100 - 3 * (turn + 1), "3": 3 * (turn + 1)}
            set_traffic(service, split=shares, **({"sticky": "x-user"} if turn % 2 else {}))
            if turn % 5 == 4:
                assert service.client.delete("/models/m/traffic").status_code == 200
            if turn % 7 == 6:
                pin = service.client.put("/models/m/active", json={"version": 2 + turn % 2})
                assert pin.status_code == 200
            if turn == 15:
                service.put("m/4/model.onnx", penguins(note="version 4"))
            goods = [client.good for client in clients]
            eventually(lambda n=goods: all(c.good > g for c, g in zip(clients, n, strict=True)))
    finally:
        done.set()
        for client in clients:
            client.join(30)
    assert [failure for client in clients for failure in client.failed] == []
    assert all(client.good > 50 for client in clients), "each went on all that while"


def test_a_state_file_of_an_older_release_is_read_and_keeps_its_choices(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    (service.root / "state").mkdir()
    old = {"selection": {"model": "m"}, "pins": {"m": 2}, "unloaded": ["n"]}
    (service.root / "state/state.json").write_text(json.dumps(old))
    put_many(service).start()
    assert service.model("m")["pinned_version"] == 2
    set_traffic(service, split={"1": 100})
    state = json.loads((service.root / "state/state.json").read_text())
    assert {key: state[key] for key in old} == old
    assert state["traffic"]["m"]["split"] == {"1": 100.0}
