"""Restarts and memory of the worker processes are seen by all of them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from inference.app import reserve_memory
from inference.runtime.shared_memory import Section
from inference.telemetry.processes import REASONS, Processes, count_restart


def test_restarts_are_counted_by_reason_for_all_workers() -> None:
    memory = reserve_memory(2)
    first, second = (Processes(Section(memory, worker)) for worker in range(2))
    assert first.restarts == {(reason,): [0.0] for reason in REASONS}
    for reason in ("ended", "silent", "ended"):
        count_restart(memory, reason)
    expected = {("ended",): [2.0], ("silent",): [1.0], ("asked",): [0.0]}
    assert first.restarts == second.restarts == expected


def test_a_reason_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="tuple"):
        count_restart(reserve_memory(), "bored")


def test_the_memory_is_that_of_each_worker_that_runs() -> None:
    memory = reserve_memory(3)
    mine = Processes(Section(memory, 1))
    assert set(mine.memory_bytes) == {("1",)}, "the others have not started"
    (size,) = mine.memory_bytes["1",]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 1024**2 < size <= peak * 1.1
    assert size % resource.getpagesize() == 0


def test_a_worker_that_has_ended_has_no_memory_and_its_successor_takes_its_place() -> None:
    memory = reserve_memory(2)
    mine = Processes(Section(memory, 0))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        memory.array("process", 1)[0] = other.pid
        assert set(mine.memory_bytes) == {("0",), ("1",)}
    assert set(mine.memory_bytes) == {("0",)}, f"process {other.pid} has ended"
    successor = Processes(Section(memory, 1))
    assert set(successor.memory_bytes) == {("0",), ("1",)}
    assert memory.array("process", 1)[0] == os.getpid()
