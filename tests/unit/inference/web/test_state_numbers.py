"""Requests that demand a number of the operator's choices, and what they wait for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.errors import NotReadyError, RequestError
from inference.repository.replicated_state import ReplicatedState
from inference.repository.repository import Repository
from inference.settings import Settings
from inference.storage.state_log import StateLog
from inference.web import state_numbers
from inference.web.state_numbers import StateNumbers
from support.storage.object_stores import FaultyStore

if TYPE_CHECKING:
    from pathlib import Path

    from inference.repository.operator_state import State


class Bench:
    """Two processes of one replica: one follows the bucket, the other answers requests."""

    def __init__(self, folder: Path, *, wait_seconds: float = 10) -> None:
        self.store = FaultyStore()
        self.changes = memoryview(bytearray(8)).cast("d")
        folder.mkdir(exist_ok=True)
        settings = Settings(models_dir=folder / "models", state_dir=folder)
        self.follower, state = self._state(folder), self._state(folder)
        repository = Repository(settings, state)
        self.numbers = StateNumbers(repository, state, folder, wait_seconds=wait_seconds)
        self.changed = 0
        self.numbers.on_change(self._count)

    def _state(self, folder: Path) -> ReplicatedState:
        return ReplicatedState(
            folder, None, self.changes, log=lambda: StateLog(self.store), follow_seconds=0.1
        )

    def _count(self) -> None:
        self.changed += 1

    def commit(self, times: int = 1) -> None:
        for _ in range(times):
            self.follower.update(_count_up)

    async def wait(self, *values: bytes) -> None:
        await self.numbers.wait([(b"rookery-state-min", value) for value in values])


def _count_up(state: State) -> State:
    return msgspec.structs.replace(state, pins={"m": state.pins.get("m", 0) + 1})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


def test_the_headers_have_the_number_that_is_known(bench: Bench) -> None:
    assert bench.numbers.header() == (b"rookery-state", b"0")
    bench.changed = 0
    bench.commit(3)
    assert bench.numbers.header() == (b"rookery-state", b"3")
    assert bench.numbers.line() == b"rookery-state: 3\r\n"
    assert bench.changed == 1


@pytest.mark.parametrize("value", [b"0", b"2", b"3", b"003"])
def test_a_number_that_is_known_needs_no_wait(bench: Bench, value: bytes) -> None:
    bench.commit(3)
    bench.numbers._wait_seconds = 0
    asyncio.run(bench.wait(value))
    asyncio.run(bench.wait())


def test_the_next_number_is_waited_for_and_comes_with_the_state_file(bench: Bench) -> None:
    bench.commit(3)

    async def run() -> list[bool]:
        waiting = [asyncio.ensure_future(bench.wait(b"%d" % n)) for n in (4, 4, 5)]
        seen = []
        for _ in range(2):
            bench.changes[0] -= 1  # an event of the folder comes before the counter moves
            await asyncio.get_running_loop().run_in_executor(None, bench.commit)
            await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)
            seen += [one.done() for one in waiting]
            waiting = [one for one in waiting if not one.done()]
        return seen

    assert asyncio.run(run()) == [True, True, False, True]
    assert not bench.numbers._waiting


def test_without_events_the_next_look_at_the_choices_ends_the_wait(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoEvents:
        is_supported = True

        def __init__(self) -> None:
            raise OSError("the limit is reached")

    monkeypatch.setattr(state_numbers, "Inotify", NoEvents)

    async def run() -> None:
        waiting = asyncio.ensure_future(bench.wait(b"1"))
        await asyncio.get_running_loop().run_in_executor(None, bench.commit)
        assert not waiting.done()
        bench.numbers.header()
        await asyncio.wait_for(waiting, 10)

    asyncio.run(run())


def test_a_number_that_does_not_come_is_not_ready_and_names_both(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state", wait_seconds=0.05)
    bench.commit(2)
    with pytest.raises(NotReadyError, match=r"up to number 2, .* 0\.05 s for 3 .*Try again"):
        asyncio.run(bench.wait(b"3"))
    assert not bench.numbers._waiting
    asyncio.run(bench.wait(b"2"))


@pytest.mark.parametrize(
    "values",
    [
        [b""],
        [b"x"],
        [b"-1"],
        [b"+1"],
        [b"1.0"],
        [b"1_0"],
        [b"1, 2"],
        [b"1", b"1"],
        [b"9" * 19],
        ["٣".encode()],
        [b"\xff" * 500],
    ],
)
def test_what_is_no_number_is_refused_and_the_message_shows_a_right_one(
    bench: Bench, values: list[Any]
) -> None:
    with pytest.raises(RequestError, match="Rookery-State-Min: 7") as refused:
        asyncio.run(bench.wait(*values))
    assert len(str(refused.value)) < 400
