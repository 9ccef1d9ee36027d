"""A store that breaks below the operator's choices: what is known is served, nothing is lost."""

from __future__ import annotations

import contextlib
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from support.service.process import eventually
from support.storage.fault_proxy import FaultProxy, delays, hangs, usual_faults
from support.storage.replicas import Replica, pins_by_model, read_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.storage.servers import Server

FAULTS = usual_faults(middle=9, wrong=0) | {"hangs": hangs}
# Faults of a body: they change nothing about a request that has none, such as that for a change.
OF_BODIES = ("cut at its start", "cut in the middle", "cut at its end", "a wrong byte")


class Pair:
    """A replica behind a proxy that breaks, and one that is not."""

    def __init__(self, one: Replica, other: Replica, proxy: FaultProxy, url: str) -> None:
        self.one = one
        self.other = other
        self.proxy = proxy
        self.url = url

    @property
    def age(self) -> float:
        text = self.one.client.get("/metrics").text
        found = re.search(r"^inference_state_age_seconds (\S+)", text, re.MULTILINE)
        assert found is not None
        return float(found[1])

    def change(self, replica: Replica) -> int:
        """Pin the other version; return it."""
        version = 3 - self.newest
        changed = replica.pin("m", version)
        assert changed.status_code == 200, changed.text
        return version

    @property
    def newest(self) -> int:
        log = read_log(self.url)
        version: int = log[-1]["pins"]["m"] if log else 2
        return version

    def settle(self) -> None:
        """Heal the store, and wait until the replica follows."""
        self.proxy.heal()
        eventually(lambda: self.age < 1, within=40, what="the state is young again")
        newest = self.newest
        eventually(lambda: self.one.version("m") == newest, within=20)


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    bucket = f"state-{uuid.uuid4().hex[:12]}"
    server.make_bucket(bucket)
    url, root = f"{server.scheme}://{bucket}/rookery", tmp_path_factory.mktemp("pair")
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy(server.port))
        one = stack.enter_context(Replica(root / "one", url, ["m"]))
        other = stack.enter_context(Replica(root / "other", url, ["m"]))
        with pytest.MonkeyPatch.context() as patched:
            for name, value in server.environment.items():
                patched.setenv(name, value.replace(f":{server.port}", f":{proxy.port}"))
            one.start_with_models()
        assert proxy.seen
        yield Pair(one, other.start_with_models(), proxy, url)


@pytest.fixture
def pair(made: Pair) -> Iterator[Pair]:
    """Two replicas that know the same, before and after the test."""
    made.settle()
    yield made
    made.settle()
    pins_by_model(read_log(made.url))


@pytest.mark.parametrize("name", FAULTS)
def test_a_replica_serves_what_it_knows_and_follows_once_the_store_is_back(
    pair: Pair, name: str
) -> None:
    known = pair.change(pair.one)
    pair.proxy.breaks(FAULTS[name])
    newer = pair.change(pair.other)
    eventually(lambda: pair.age > 2, within=40, what="the state grows old")
    assert pair.one.version("m") == known
    said = "the known one stays valid"
    eventually(lambda: said in pair.one.log, what=said)
    before = read_log(pair.url)
    refused = pair.one.pin("m", newer)
    assert refused.status_code == 503, refused.text
    assert "the change may not have been made" in refused.json()["detail"]
    assert pair.one.version("m") == known
    assert pair.one.client.get("/readyz").status_code == 200
    pair.settle()
    assert pair.one.version("m") == newer
    assert read_log(pair.url)[: len(before)] == before


@pytest.mark.servers("azurite", "google", "moto")
@pytest.mark.parametrize("name", [name for name in FAULTS if name != "hangs"])
def test_a_change_whose_answer_breaks_once_is_made_once_or_not_at_all(
    pair: Pair, name: str
) -> None:
    wanted = 3 - pair.change(pair.one)
    before = read_log(pair.url)
    pair.proxy.breaks(FAULTS[name], method="PUT", times=1)
    changed = pair.one.pin("m", wanted)
    added = [document["pins"]["m"] for document in read_log(pair.url)[len(before) :]]
    if changed.status_code == 200:
        assert added == [wanted]
        assert pair.other.version("m", int(changed.headers["rookery-state"])) == wanted
    else:
        assert changed.status_code == 503
        assert added in ([], [wanted])
    if name in ("500", "503", "lost", "refused", *OF_BODIES):
        assert changed.status_code == 200, "the request is repeated"


def test_a_slow_store_makes_changes_slow_and_the_state_older(pair: Pair) -> None:
    known = pair.change(pair.one)
    pair.proxy.breaks(delays(2))
    eventually(lambda: pair.age > 1.5, within=20)
    before = len(read_log(pair.url))
    with ThreadPoolExecutor(2) as threads:
        changes = [threads.submit(each.pin, "m", 3 - known) for each in (pair.one, pair.other)]
        assert {change.result().status_code for change in changes} == {200}
    assert len(read_log(pair.url)) == before + 1, "both wanted the same"
    eventually(lambda: pair.one.version("m") == 3 - known, within=20)
    assert pair.change(pair.one) == known
