"""What the supervisor knows of its workers, without any process."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from inference.app import reserve_memory
from inference.process.companion import Companion
from inference.process.worker_table import Worker, WorkerTable
from inference.runtime import heartbeat as heartbeat_module
from inference.runtime.heartbeat import BEAT_SECONDS, Heartbeat, Watch

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def heartbeat() -> Heartbeat:
    return Heartbeat()


@pytest.fixture
def workers() -> WorkerTable:
    return WorkerTable(reserve_memory(2), 2, longest_step_seconds=0.5)


def live(worker: Worker, seconds: float, *, served: bool = True, asked: bool = False) -> float:
    """Let a process of this worker live for so long; give the pause before the next."""
    worker.heartbeat.reset()
    worker.started(os.getpid(), 1000.0)
    if served:
        worker.heartbeat.serve()
    return worker.ended(1000.0 + seconds, asked=asked)


def test_a_worker_that_dies_again_and_again_is_started_after_ever_longer_pauses(
    workers: WorkerTable,
) -> None:
    first, second = workers.due(0.0)
    assert [live(first, 5) for _ in range(9)] == [0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert live(second, 5) == 0, "the other one is without fault"
    assert live(first, 60) == 0, "a long life clears the record"
    assert live(first, 5) == 0


def test_a_worker_that_asks_for_a_successor_has_one_at_once(workers: WorkerTable) -> None:
    first, _ = workers.due(0.0)
    assert [live(first, 1, asked=True) for _ in range(9)] == [0] * 9
    assert [live(first, 5) for _ in range(3)] == [0, 0, 1], "nothing of that was counted"
    failed = [live(first, 1, asked=True, served=False) for _ in range(3)]
    assert failed == [2, 4, 8], "one that cannot even start does not go on at full speed"


def test_there_is_hope_while_any_worker_serves_or_has_served(workers: WorkerTable) -> None:
    first, second = workers.due(0.0)
    second.started(os.getpid(), 0.0)
    for _ in range(20):
        live(first, 0.1, served=False)
    assert not workers.is_hopeless, "the other one may still come to serve"
    second.heartbeat.serve()
    assert workers.has_served
    for _ in range(20):
        live(second, 0.1, served=False)
    assert not workers.is_hopeless, "it has served once, so it is no wrong setting"


@pytest.mark.parametrize(("failures", "hopeless"), [(4, False), (5, True), (6, True)])
def test_there_is_none_once_every_worker_has_failed_five_times(
    workers: WorkerTable, failures: int, *, hopeless: bool
) -> None:
    first, second = workers.due(0.0)
    for _ in range(9):
        live(first, 0.1, served=False)
    for _ in range(failures):
        second.failed(0.0)
    assert workers.is_hopeless is hopeless
    assert not workers.has_served


# -- heartbeats ------------------------------------------------------------------------------------


def test_silence_is_what_was_waited_without_a_beat(heartbeat: Heartbeat) -> None:
    watch = Watch(heartbeat, 0, longest_step_seconds=0.5)
    assert [watch.look(0.25) for _ in range(4)] == [0.25, 0.5, 0.75, 1.0]
    heartbeat._values[0] += 1
    assert watch.look(0.25) == 0
    assert watch.look(0.25) == 0.25


@pytest.mark.parametrize("asleep", [3.0, 3600.0, 1e9])
def test_a_pause_of_the_supervisor_itself_is_no_silence(
    heartbeat: Heartbeat, asleep: float
) -> None:
    watch = Watch(heartbeat, 0, longest_step_seconds=0.5)
    assert watch.look(asleep) == 0.5
    heartbeat._values[0] += 1
    assert watch.look(0.25) == 0


def test_waiting_for_a_processor_is_no_silence(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = iter([7.0, 7.2, 7.2, 8.9])
    monkeypatch.setattr(heartbeat_module, "_run_delay", lambda _: next(delays))
    watch = Watch(heartbeat, 1, longest_step_seconds=0.5)
    seen = [watch.look(0.25) for _ in range(3)]
    assert seen == pytest.approx([0.05, 0.3, 0.3])


def test_a_process_that_is_gone_has_waited_for_nothing() -> None:
    assert heartbeat_module._run_delay(2**22 + 1) == 0


def test_it_beats_as_long_as_the_loop_turns(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_module, "BEAT_SECONDS", 0.001)

    async def beat(until: Callable[[], bool]) -> None:
        with heartbeat.beating():
            async with asyncio.timeout(30):
                while not until():  # noqa: ASYNC110 - shared memory sets no event
                    await asyncio.sleep(0.001)

    asyncio.run(beat(lambda: heartbeat.beats > 10))
    seen = heartbeat.beats
    assert seen > 10
    assert not heartbeat.has_served
    heartbeat.reset()
    assert heartbeat.beats == 0
    assert BEAT_SECONDS < 1


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_companion_that_has_ended_gets_no_signal(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch, *, is_replaced: bool
) -> None:
    """Its id may be another process's by now, also while the service stops."""
    companion = Companion("storage", heartbeat, lambda: os._exit(0), 0.5)
    companion.start_if_due()
    os.waitpid(companion.pid, 0)
    signaled: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: signaled.append(pid))
    companion.ended("ended with status 0", is_replaced=is_replaced)
    companion.signal(signal.SIGKILL)
    assert not signaled
