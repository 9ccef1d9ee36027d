from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from inference.admission.admission import Limits
from inference.runtime import memory, memory_return
from inference.runtime.memory import MIB, available_bytes, granted_bytes
from inference.runtime.memory_return import MemoryReturn
from inference.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024 * MIB
GROUP = "0::/kubepods/pod\n"
STAT = "anon 5\ninactive_file {}\nactive_file {}\nslab_reclaimable 0\nunevictable 9\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a system in which nothing is limited and 3 GiB are free."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text("MemFree: 1 kB\nMemAvailable:  3145728 kB\n")
    monkeypatch.setattr(memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    return tmp_path


def _group(system: Path, path: str, *, limit: str, taken: int, cache: int = 0) -> None:
    group = system / "cgroup" / path
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.max").write_text(limit + "\n")
    (group / "memory.current").write_text(f"{taken}\n")
    (group / "memory.stat").write_text(STAT.format(cache, cache))


@pytest.mark.usefixtures("system")
def test_without_groups_the_machine_is_what_there_is() -> None:
    assert granted_bytes() > 256 * MIB
    assert available_bytes() == 3 * GIB


def test_a_groups_limit_counts_without_what_the_kernel_can_take_back(system: Path) -> None:
    (system / "proc/self/cgroup").write_text(GROUP)
    _group(system, "kubepods/pod", limit=str(512 * MIB), taken=500 * MIB, cache=100 * MIB)
    assert granted_bytes() == 512 * MIB
    assert available_bytes() == 212 * MIB


def test_the_tightest_of_the_groups_above_counts(system: Path) -> None:
    (system / "proc/self/cgroup").write_text(GROUP)
    _group(system, "kubepods/pod", limit="max", taken=500)
    _group(system, "kubepods", limit=str(400 * MIB), taken=400 * MIB)
    assert granted_bytes() == 400 * MIB
    assert available_bytes() == 0


def test_in_a_container_the_group_is_the_root(system: Path) -> None:
    (system / "proc/self/cgroup").write_text("0::/a/path/of/the/host\n")
    _group(system, "", limit=str(300 * MIB), taken=0)
    assert granted_bytes() == 300 * MIB


def test_the_first_version_of_groups_is_read_too(system: Path) -> None:
    (system / "proc/self/cgroup").write_text("5:cpu,cpuacct:/x\n4:memory:/x\n0::/\n")
    group = system / "cgroup" / "memory" / "x"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text(str(300 * MIB))
    (group / "memory.usage_in_bytes").write_text(str(200 * MIB))
    (group / "memory.stat").write_text(f"inactive_file 1\ntotal_inactive_file {50 * MIB}\n")
    (group.parent / "memory.limit_in_bytes").write_text(str(2**63 - 4096))
    assert granted_bytes() == 300 * MIB
    assert available_bytes() == 150 * MIB


def test_a_file_may_be_a_quarter_of_what_is_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for granted, expected in (
        (2 * GIB, 512 * MIB),
        (8 * GIB - 4, 2**31 - 1),
        (64 * GIB, 2**31 - 1),
    ):
        monkeypatch.setattr("inference.admission.admission.granted_bytes", lambda g=granted: g)
        assert Limits.of(Settings()).file_bytes == expected
    assert Limits.of(Settings(max_model_bytes=7)).file_bytes == 7


def test_an_examination_may_take_no_more_than_is_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    for granted, expected in ((GIB // 2, GIB), (2 * GIB, 2 * GIB), (64 * GIB, 4 * GIB)):
        monkeypatch.setattr("inference.admission.admission.granted_bytes", lambda g=granted: g)
        assert Limits.of(Settings()).memory_bytes == expected


FREED = """
from inference.runtime.memory import give_back
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 // 1024**2
blocks = [bytearray(3000) for _ in range(60_000)]
held = [bytearray(3000)]  # at the top of the heap, which keeps all below it
taken = resident()
del blocks
kept = resident()
give_back()
print(taken - kept, taken - resident())
"""


def test_freed_memory_goes_back_to_the_machine() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < 50
    assert after > 120


def test_memory_is_given_back_once_for_several_occasions(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> int:
        loop, given = asyncio.get_running_loop(), asyncio.Event()
        calls: list[None] = []

        def give_back() -> None:
            calls.append(None)
            loop.call_soon_threadsafe(given.set)

        monkeypatch.setattr(memory_return, "give_back", give_back)
        with ThreadPoolExecutor(1) as threads:
            back = MemoryReturn(threads)
            for _ in range(5):
                back.soon()
                back.soon_from(loop)
            await asyncio.wait_for(given.wait(), 30)
            back.soon()
            back.close()
        return len(calls)

    assert asyncio.run(go()) == 1
