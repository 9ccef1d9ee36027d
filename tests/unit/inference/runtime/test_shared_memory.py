"""Memory that processes share is theirs after a fork, and lies nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.app import reserve_memory
from inference.runtime.shared_memory import SharedArray, SharedMemory


def test_a_forked_process_and_its_parent_see_the_same() -> None:
    memory = SharedMemory({"common": SharedArray("Q", 2)}, {"each": SharedArray("d", 2)}, workers=2)
    pid = os.fork()
    if pid == 0:
        memory.array("common")[0] = 2**64 - 1
        memory.array("each", 1)[1] = 0.5
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert memory.array("common").tolist() == [2**64 - 1, 0]
    assert [each.tolist() for each in memory.arrays("each")] == [[0, 0], [0, 0.5]]


@pytest.mark.parametrize("length", [1, 7, 8, 9])
def test_arrays_do_not_overlap(length: int) -> None:
    array = SharedArray("d", length)
    memory = SharedMemory({"common": array}, {"a": array, "b": array}, workers=3)
    arrays = [memory.array("common"), *memory.arrays("a"), *memory.arrays("b")]
    for number, values in enumerate(arrays, 1):
        assert len(values) == length
        for index in range(length):
            values[index] = number
    assert [set(values) for values in arrays] == [{number} for number in range(1, 8)]


def test_only_what_is_written_to_takes_memory() -> None:
    """So that eight workers need no eighth of what they might count one day."""

    def resident_bytes() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    before = resident_bytes()
    memory = reserve_memory(8)
    for heartbeat in memory.arrays("heartbeat"):
        heartbeat[0] = 1
    assert resident_bytes() - before < 1024**2


_RESERVE = """
import resource, sys
from inference.app import reserve_memory
from inference.errors import SettingError
resource.setrlimit(resource.RLIMIT_AS, (1024**3, 1024**3))
try:
    reserve_memory(256)
except SettingError as error:
    print(error)
"""


def test_start_fails_with_a_message_if_memory_is_not_granted() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RESERVE], capture_output=True, text=True, check=True
    )
    assert "address space for 256 workers (Cannot allocate memory)" in done.stdout
    assert "lower INFERENCE_WORKERS" in done.stdout
