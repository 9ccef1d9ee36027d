"""The fork server examines as a fresh process does, and outlives whatever is in a file."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.admission import fork_process, fork_server
from inference.admission.admission import Limits, examine
from inference.admission.fork_server import ForkServer
from inference.serving.trial_process import load_trial
from support.forked_processes import (
    ask,
    children,
    is_alive,
    monitor_and_examiner,
    read_and_examine,
)
from support.models import hostile_models
from support.models.artifacts import classifier_graph, model, penguins
from support.project import FIXTURES
from support.service.process import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from inference.admission.report import Report

pytestmark = pytest.mark.slow  # a process with threads, as one of xdist has, must not fork


def comparable(report: Report) -> dict[str, Any]:
    """Leave out what is measured."""
    measured = {"load_ms", "cost_us", "threads", "memory_bytes"}
    return {k: v for k, v in msgspec.structs.asdict(report).items() if k not in measured}


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.onnx")), ids=lambda file: file.stem)
def test_it_reports_what_a_fresh_process_does(forks: ForkServer, file: Path) -> None:
    report = ask(forks, file)
    assert comparable(report) == comparable(examine(file))
    assert report.cost_us.keys() == {1, 8, 32, 128}


def test_a_long_report_is_whole(forks: ForkServer, path: Path) -> None:
    """That of a classifier without contract names its classes."""
    classes = [f"{number:0100}" for number in range(3000)]
    path.write_bytes(model(classifier_graph(classes)))
    report = ask(forks, path)
    assert report.admitted, report.reason
    assert comparable(report) == comparable(examine(path))
    assert len(msgspec.json.encode(report)) > 300_000


@pytest.mark.parametrize(
    ("content", "limits", "reason"),
    [
        (b"no model", Limits(), "not an ONNX model"),
        (penguins()[:800], Limits(), "truncated"),
        (penguins(wrong=True), Limits(), "golden sample"),
        (hostile_models.with_external_data(), Limits(), "external data"),
        (hostile_models.greedy(), Limits(), "memory"),
        (hostile_models.endless(), Limits(seconds=1), "INFERENCE_ADMISSION_TIMEOUT_SECONDS"),
        (hostile_models.endless(), Limits(seconds=0.3), "INFERENCE_ADMISSION_TIMEOUT_SECONDS"),
    ],
)
def test_it_refuses_with_the_reason(
    forks: ForkServer, path: Path, content: bytes, limits: Limits, reason: str
) -> None:
    path.write_bytes(content)
    report = ask(forks, path, limits)
    assert not report.admitted
    assert reason in report.reason
    eventually(lambda: not children(forks.pid), what="no process is left")


def test_a_path_can_be_any_bytes(forks: ForkServer, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a b\xff\n.onnx")
    path.write_bytes(penguins())
    assert ask(forks, path).admitted
    with pytest.raises(FileNotFoundError):
        ask(forks, tmp_path / "missing.onnx")


def test_examinations_run_side_by_side(forks: ForkServer, tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.onnx").write_bytes(penguins(number))

    async def ask_all() -> list[Report]:
        (tmp_path / "endless.onnx").write_bytes(hostile_models.endless())
        files = [tmp_path / "endless.onnx", *(tmp_path / f"{n}.onnx" for n in range(4))]
        limits = Limits(seconds=5)
        return await asyncio.gather(*(read_and_examine(forks, f, limits) for f in files))

    endless, *others = asyncio.run(ask_all())
    assert not endless.admitted
    assert all(report.admitted for report in others)
    assert len({report.digest for report in others}) == 4


def test_a_cancelled_examination_ends_its_processes(forks: ForkServer, path: Path) -> None:
    path.write_bytes(hostile_models.endless())

    async def cancel() -> None:
        task = asyncio.create_task(read_and_examine(forks, path, Limits(seconds=60)))
        await asyncio.to_thread(monitor_and_examiner, forks)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(cancel(), 30))
    eventually(lambda: not children(forks.pid), what="no process is left")


@pytest.mark.parametrize("whom", ["the examiner", "the monitor"])
def test_a_killed_process_costs_one_examination_at_most(
    forks: ForkServer, path: Path, whom: str
) -> None:
    path.write_bytes(hostile_models.endless())

    async def kill() -> Report:
        # Without its monitor, the whole time passes.
        limits = Limits(seconds=60 if whom == "the examiner" else 3)
        task = asyncio.create_task(read_and_examine(forks, path, limits))
        monitor, examiner = await asyncio.to_thread(monitor_and_examiner, forks)
        os.kill(examiner if whom == "the examiner" else monitor, signal.SIGKILL)
        eventually(lambda: not is_alive(examiner), what="the examiner ends with its monitor")
        return await task

    report = asyncio.run(asyncio.wait_for(kill(), 30))
    # Without its monitor another examines it, and the busier the machine is the sooner it gives up.
    expected = "was killed" if whom == "the examiner" else "took over 3 seconds|may take 3 in all"
    assert re.search(expected, report.reason)
    path.write_bytes(penguins())
    assert ask(forks, path).admitted


def niceness(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def wait_for_policy(server: ForkServer, path: Path, policy: int) -> None:
    """Wait until an examiner that never ends is scheduled with a policy."""
    path.write_bytes(hostile_models.endless())

    async def wait() -> None:
        task = asyncio.create_task(read_and_examine(server, path, Limits(seconds=60)))
        monitor, _ = await asyncio.to_thread(monitor_and_examiner, server)
        assert os.sched_getscheduler(monitor) == os.SCHED_OTHER
        await asyncio.to_thread(
            eventually, lambda: [os.sched_getscheduler(c) for c in children(monitor)] == [policy]
        )
        (examiner,) = children(monitor)
        assert niceness(examiner) == niceness(server.pid) == min(19, niceness(0) + 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(wait(), 60))
    eventually(lambda: not children(server.pid), what="no process is left")


def test_an_examiner_gets_the_time_that_no_other_process_wants(
    forks: ForkServer, path: Path
) -> None:
    wait_for_policy(forks, path, os.SCHED_IDLE)


def test_an_examiner_that_gets_no_time_is_replaced_by_one_of_low_priority(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_process, "_LEAST_SHARE", 100.0)  # more than there is
        patch.setattr(fork_process, "_CHECK_SECONDS", 0.01)
        server = ForkServer(load_trial)
    try:
        wait_for_policy(server, path, os.SCHED_OTHER)
        path.write_bytes(penguins())
        assert ask(server, path).admitted
        path.write_bytes(penguins(wrong=True))
        assert "golden sample" in ask(server, path).reason
    finally:
        server.close()


def test_without_it_a_fresh_process_examines(path: Path) -> None:
    path.write_bytes(penguins())
    server = ForkServer(load_trial)
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not is_alive(server.pid))
    assert ask(server, path).admitted
    server.close()


LOOK = """
import asyncio, os, socket, sys
from pathlib import Path
from inference.admission import fork_process
from inference.admission.admission import Limits
from inference.admission.fork_server import ForkServer
held = [socket.create_server(("127.0.0.1", 0)), open(sys.argv[1], "rb")]
def look(*_):
    places = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
    names = [os.readlink(place) for place in places if os.path.lexists(place)]
    raise SystemExit(" ".join(sorted(name.split(":")[0] for name in names)))
fork_process.write_report = look
forks = ForkServer()
async def ask():
    limits = Limits()
    with await forks.read(Path(sys.argv[1]), limits) as contents:
        return await forks.examine(contents, limits)
print(asyncio.run(ask()).reason)
"""


def test_the_examiner_inherits_nothing_that_is_open(path: Path) -> None:
    path.write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("SystemExit: /dev/null /memfd pipe pipe")


def test_a_stopped_monitor_is_ended_when_its_time_is_over(forks: ForkServer, path: Path) -> None:
    path.write_bytes(hostile_models.endless())

    async def stop() -> Report:
        with await forks.read(path, Limits()) as contents:
            task = asyncio.create_task(forks.examine(contents, Limits(seconds=5)))
            monitor, _ = await asyncio.to_thread(monitor_and_examiner, forks)
            os.kill(monitor, signal.SIGSTOP)
            return await task

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_server, "_GRACE_SECONDS", 0.5)
        assert "took over 5 seconds" in asyncio.run(asyncio.wait_for(stop(), 30)).reason
    eventually(lambda: not children(forks.pid), what="no process is left")
