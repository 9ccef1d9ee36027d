"""Memory that processes share is theirs after a fork, and lies nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.app import reserve_memory
from inference.runtime.shared_memory import SharedMemory


def test_a_forked_process_and_its_parent_see_the_same() -> None:
    memory = SharedMemory({"common": 8}, {"each": 8}, workers=2)
    pid = os.fork()
    if pid == 0:
        memory.section("common")[:2] = b"hi"
        memory.section("each", 1)[:3] = b"you"
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert bytes(memory.section("common")[:3]) == b"hi\0"
    assert [bytes(each[:4]) for each in memory.sections("each")] == [b"\0" * 4, b"you\0"]


@pytest.mark.parametrize("size", [1, 63, 64, 65])
def test_sections_do_not_overlap(size: int) -> None:
    memory = SharedMemory({"common": size}, {"a": size, "b": size}, workers=3)
    sections = [memory.section("common"), *memory.sections("a"), *memory.sections("b")]
    for number, section in enumerate(sections, 1):
        assert len(section) == size
        section[:] = bytes([number]) * size
    assert [set(section) for section in sections] == [{number} for number in range(1, 8)]


def test_only_what_is_written_to_takes_memory() -> None:
    """So that eight workers need no eighth of what they might count one day."""

    def resident_bytes() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    before = resident_bytes()
    memory = reserve_memory(8)
    for heartbeat in memory.sections("heartbeat"):
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
