"""The operator's choices in a bucket, as several replicas see them."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from inference.errors import StateError
from inference.repository import replicated_state
from inference.repository.operator_state import Selection, State, StateFile
from inference.repository.replicated_state import ReplicatedState, StateAge
from inference.storage.state_log import StateLog
from support.storage.object_stores import FaultyStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def pin(model: str, version: int) -> Callable[[State], State]:
    return lambda state: msgspec.structs.replace(state, pins=state.pins | {model: version})


class Replicas:
    """Replicas with a state folder each, and one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FaultyStore()

    def make(self, name: str) -> ReplicatedState:
        return ReplicatedState(
            self.folder / name, log=lambda: StateLog(self.store), follow_seconds=0.1
        )


@pytest.fixture
def replicas(tmp_path: Path) -> Replicas:
    return Replicas(tmp_path)


def follow(state: ReplicatedState) -> int:
    return asyncio.run(state.follow()).number


def test_a_change_reaches_the_others_when_they_look(replicas: Replicas) -> None:
    one, two = replicas.make("one"), replicas.make("two")
    one.update(pin("a", 3))
    assert one.current().pins == {"a": 3}
    assert two.current() == State()
    assert follow(two) == 1
    assert two.current().pins == {"a": 3}
    two.update(lambda state: msgspec.structs.replace(state, selection=Selection("a")))
    assert follow(one) == 2
    assert one.current() == State(Selection("a"), {"a": 3}, number=2)


def test_a_writer_that_is_behind_changes_the_newest_state(replicas: Replicas) -> None:
    one, two = replicas.make("one"), replicas.make("two")
    one.update(pin("a", 1))
    two.update(pin("b", 2))
    assert two.current().pins == {"a": 1, "b": 2}
    one.update(pin("c", 3))
    assert one.current().pins == {"a": 1, "b": 2, "c": 3}


def test_writers_side_by_side_lose_no_change(replicas: Replicas) -> None:
    def write(name: str) -> None:
        state = replicas.make(name)
        for number in range(25):
            state.update(pin(f"{name}{number}", 1))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = replicas.make("reader")
    assert follow(reader) == 75
    assert len(reader.current().pins) == 75


def test_a_replica_knows_the_state_after_a_restart_while_the_store_is_away(
    replicas: Replicas,
) -> None:
    replicas.make("one").update(pin("a", 3))
    replicas.store.away = True
    again = replicas.make("one")
    assert again.current().pins == {"a": 3}
    with pytest.raises(StateError):
        again.update(pin("a", 4))
    assert again.current().pins == {"a": 3}


def test_a_new_replica_has_the_state_after_one_look(replicas: Replicas) -> None:
    one = replicas.make("one")
    for number in range(1, 40):
        one.update(pin("a", number))
    new = replicas.make("new")
    follow(new)
    assert new.current().pins == {"a": 39}


def test_a_change_that_changes_nothing_is_no_document(replicas: Replicas) -> None:
    one = replicas.make("one")
    one.update(pin("a", 1))
    one.update(pin("a", 1))
    assert follow(one) == 1


def test_a_document_that_is_no_state_is_an_error_and_the_known_one_stays(
    replicas: Replicas,
) -> None:
    one = replicas.make("one")
    one.update(pin("a", 1))
    asyncio.run(replicas.store.create("state/2.json", b"junk"))
    with pytest.raises(StateError, match="document 2"):
        one.update(pin("a", 2))
    assert one.current().pins == {"a": 1}


class BusyStore(FaultyStore):
    """Another writer is always first."""

    async def create(
        self, path: str, content: bytes, metadata: Mapping[str, str] | None = None
    ) -> None:
        await super().create(path, b'{"pins": {"other": 1}}')
        await super().create(path, content, metadata)


def test_a_change_that_always_comes_late_says_so_and_writes_no_file_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicated_state, "_COMMIT_SECONDS", 1.0)
    store = BusyStore()
    one = ReplicatedState(tmp_path, log=lambda: StateLog(store), follow_seconds=0.1)
    with pytest.raises(StateError, match=r"within 1 s; other replicas were first [1-9]"):
        one.update(pin("a", 1))
    assert not (tmp_path / "state.json").exists()


def test_the_state_has_the_number_of_its_document(replicas: Replicas) -> None:
    one, two = replicas.make("one"), replicas.make("two")
    assert one.current().number == 0
    assert [one.update(pin("a", version)).number for version in (1, 2, 2, 3)] == [1, 2, 2, 3]
    follow(two)
    assert two.current() == one.current()


def test_a_document_without_a_number_has_that_of_its_path(replicas: Replicas) -> None:
    asyncio.run(replicas.store.create("state/1.json", b'{"pins": {"a": 5}}'))
    one = replicas.make("one")
    follow(one)
    assert one.current() == State(pins={"a": 5}, number=1)


def test_a_state_that_is_changed_without_a_bucket_is_not_the_one_of_the_log(
    replicas: Replicas,
) -> None:
    replicas.make("one").update(pin("a", 1))
    StateFile(replicas.folder / "one").update(pin("a", 2))
    again = replicas.make("one")
    assert again.current() == State(pins={"a": 2})
    follow(again)
    assert again.current() == State(pins={"a": 1}, number=1)


def test_a_damaged_state_file_is_replaced_from_the_log(replicas: Replicas) -> None:
    one = replicas.make("one")
    one.update(pin("a", 1))
    (replicas.folder / "one" / "state.json").write_bytes(b'{"pins": [], "number": 1}')
    again = replicas.make("one")
    follow(again)
    assert again.current() == State(pins={"a": 1}, number=1)


def test_a_change_is_answered_after_the_others_have_had_time(replicas: Replicas) -> None:
    one = replicas.make("one")

    async def change() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await one.change(pin("a", 1))
        return loop.time() - begun

    assert asyncio.run(change()) >= 0.6, "the interval, and half a second"


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_the_age_of_the_state_does_not_follow_a_clock_that_is_set(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    age = StateAge([0.0, 0.0])
    assert age.seconds == float("inf")
    age.tried(found=True)
    wall, steady = time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: wall + step)
    monkeypatch.setattr(time, "monotonic", lambda: steady + 10)
    assert age.seconds == pytest.approx(10, abs=1)
    age.tried(found=False)
    assert age.seconds == pytest.approx(10, abs=1)
    assert age.was_tried
