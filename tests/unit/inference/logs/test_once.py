"""An event that every worker sees is logged by one of them, each time that it happens."""

from __future__ import annotations

import logging
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from inference.logs import ONCE_DOUBLES, Once, fields
from inference.logs import once as once_module
from inference.runtime.shared_memory import SharedArray, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Callable[[], Once]:
    """Return a function that makes the filter of another worker."""
    memory = SharedMemory({"logged": SharedArray("d", ONCE_DOUBLES)}, {})
    return lambda: Once(memory.array("logged"), clock=clock)


class Worker:
    """A process that filters a line about each version that it is sent."""

    def __init__(self, once: Once) -> None:
        asked, self._asking = os.pipe()
        self._answered, answering = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            while version := os.read(asked, 1):
                line = record(model="m", version=version[0])
                os.write(answering, bytes([once.filter(line)]))
            os._exit(0)
        os.close(asked)
        os.close(answering)

    def send(self, version: int) -> None:
        os.write(self._asking, bytes([version]))

    def answer(self) -> bool:
        return os.read(self._answered, 1) == b"\x01"

    def end(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._asking)
        os.close(self._answered)


def record(event: str = "swap", **more: object) -> logging.LogRecord:
    return logging.makeLogRecord(fields(event, **more))


def test_an_event_is_logged_by_the_worker_that_sees_it_first(make: Callable[[], Once]) -> None:
    one, two, three = make(), make(), make()
    assert [w.filter(record(model="m")) for w in (two, one, three)] == [True, False, False]


def test_an_event_that_happens_again_is_logged_again(make: Callable[[], Once]) -> None:
    """The order in which the workers see it does not matter."""
    workers = [make() for _ in range(3)]
    chance = random.Random(1)
    for _ in range(50):
        chance.shuffle(workers)
        assert [w.filter(record(model="m", digest="a")) for w in workers] == [True, False, False]


def test_events_of_other_kinds_and_with_other_fields_are_distinguished(
    make: Callable[[], Once],
) -> None:
    one, two = make(), make()
    for line in (
        record(model="m", version=1),
        record(model="m", version=2),
        record("quarantine", model="m", version=2, reason="empty"),
        record("quarantine", model="m", version=2, reason="torn"),
    ):
        assert one.filter(line)
        assert not two.filter(line)
    # Only the duration differs: both workers have loaded the same.
    assert one.filter(record("load", model="m", ms=1.5))
    assert not two.filter(record("load", model="m", ms=2.5))


def test_events_of_single_workers_are_logged_by_each(make: Callable[[], Once]) -> None:
    for line in (record("denied", status=401), record("request"), logging.makeLogRecord({})):
        assert make().filter(line)
        assert make().filter(line)


def test_a_successor_repeats_nothing_and_then_logs_news(make: Callable[[], Once]) -> None:
    one, two = make(), make()
    assert one.filter(record(model="m"))
    assert not two.filter(record(model="m"))
    successor = make()
    assert not successor.filter(record(model="m")), "it has loaded what was live before"
    assert successor.filter(record(model="m"))
    assert not two.filter(record(model="m"))


def test_news_is_logged_when_all_workers_have_been_replaced(
    make: Callable[[], Once], clock: Clock
) -> None:
    """Lines of their predecessors do not suppress later events."""
    assert make().filter(record(model="m"))
    clock.now += 5
    successors = [make(), make()]
    clock.now += 31
    assert [w.filter(record(model="m")) for w in successors] == [True, False]
    assert [w.filter(record(model="m")) for w in reversed(successors)] == [True, False]


def test_a_line_of_long_ago_is_not_the_same_event(make: Callable[[], Once], clock: Clock) -> None:
    one, two = make(), make()
    assert one.filter(record(model="m"))
    clock.now += 601
    assert two.filter(record(model="m"))


def test_processes_that_come_at_the_same_moment_log_one_line(
    make: Callable[[], Once], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once_module, "_LOCK_SECONDS", 30)  # the holder may wait for a processor
    once = make()  # it has the lock, so that it is made before the fork
    workers = [Worker(once) for _ in range(2)]
    try:
        for number in range(200):
            for worker in workers:
                worker.send(number)
            assert sorted(worker.answer() for worker in workers) == [False, True]
    finally:
        for worker in workers:
            worker.end()


def test_a_worker_that_is_stopped_with_the_lock_does_not_delay_others(
    make: Callable[[], Once],
) -> None:
    once = make()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with once._locked():
            os.write(writing, b"!")
            signal.pause()
        os._exit(0)
    try:
        assert os.read(reading, 1) == b"!"
        assert once.filter(record(model="m"))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)
