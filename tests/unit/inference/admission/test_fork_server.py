"""The fork server examines as a fresh process does, and outlives whatever is in a file."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.admission import fork_server as forkserver
from inference.admission.admission import Limits, examine
from inference.admission.files import reader
from inference.admission.files.contents import fill
from inference.admission.fork_server import ForkServer
from inference.serving.trial_process import load_trial
from support.models import artifacts
from support.models.artifacts import penguins
from support.project import FIXTURES
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.admission.report import Report


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    server = ForkServer(load_trial)
    yield server
    assert is_alive(server.pid), "it died of a file"
    server.close()
    assert not is_alive(server.pid)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx"


async def read_and_examine(server: ForkServer, path: Path, limits: Limits) -> Report:
    with await server.read(path, limits) as contents:
        return await server.examine(contents, limits)


def ask(server: ForkServer, path: Path, limits: Limits | None = None) -> Report:
    return asyncio.run(read_and_examine(server, path, limits or Limits()))


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def children(pid: int) -> set[int]:
    """List the processes that a process has begun, theirs included."""
    try:
        own = {int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        return set()
    return own.union(*(children(child) for child in own))


def keeper_and_child(server: ForkServer) -> tuple[int, int]:
    """Wait for an examination; a reader may still be about to end beside it."""

    def find() -> tuple[int, int] | None:
        pairs = [(k, c) for k in children(server.pid) for c in children(k)]
        return pairs[0] if pairs else None

    found: tuple[int, int] = eventually(find, what="a keeper and its child")
    return found


def comparable(report: Report) -> dict[str, Any]:
    """Leave out what is measured."""
    measured = {"load_ms", "cost_us", "threads", "memory_bytes"}
    return {k: v for k, v in msgspec.structs.asdict(report).items() if k not in measured}


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.onnx")), ids=lambda file: file.stem)
def test_it_reports_what_a_fresh_process_does(forks: ForkServer, file: Path) -> None:
    report = ask(forks, file)
    assert comparable(report) == comparable(examine(file))
    assert report.cost_us.keys() == {1, 8, 32, 128}


@pytest.mark.parametrize(
    ("content", "limits", "reason"),
    [
        (b"no model", Limits(), "not an ONNX model"),
        (penguins()[:800], Limits(), "truncated"),
        (penguins(wrong=True), Limits(), "golden sample"),
        (artifacts.with_external_data(), Limits(), "external data"),
        (artifacts.greedy(), Limits(), "memory"),
        (artifacts.endless(), Limits(seconds=1), "INFERENCE_ADMISSION_TIMEOUT_SECONDS"),
        (artifacts.endless(), Limits(seconds=0.3), "INFERENCE_ADMISSION_TIMEOUT_SECONDS"),
    ],
)
def test_it_refuses_with_the_reason(
    forks: ForkServer, path: Path, content: bytes, limits: Limits, reason: str
) -> None:
    path.write_bytes(content)
    report = ask(forks, path, limits)
    assert not report.admitted
    assert reason in report.reason
    eventually(lambda: not children(forks.pid), what="nobody is left")


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
        (tmp_path / "endless.onnx").write_bytes(artifacts.endless())
        files = [tmp_path / "endless.onnx", *(tmp_path / f"{n}.onnx" for n in range(4))]
        limits = Limits(seconds=5)
        return await asyncio.gather(*(read_and_examine(forks, f, limits) for f in files))

    endless, *others = asyncio.run(ask_all())
    assert not endless.admitted
    assert all(report.admitted for report in others)
    assert len({report.digest for report in others}) == 4


def test_a_cancelled_examination_ends_its_processes(forks: ForkServer, path: Path) -> None:
    path.write_bytes(artifacts.endless())

    async def cancel() -> None:
        task = asyncio.create_task(read_and_examine(forks, path, Limits(seconds=60)))
        await asyncio.to_thread(keeper_and_child, forks)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(cancel(), 30))
    eventually(lambda: not children(forks.pid), what="nobody is left")


@pytest.mark.parametrize("whom", ["the child", "the keeper"])
def test_a_killed_process_costs_one_examination_at_most(
    forks: ForkServer, path: Path, whom: str
) -> None:
    path.write_bytes(artifacts.endless())

    async def kill() -> Report:
        task = asyncio.create_task(read_and_examine(forks, path, Limits(seconds=3)))
        keeper, child = await asyncio.to_thread(keeper_and_child, forks)
        os.kill(child if whom == "the child" else keeper, signal.SIGKILL)
        eventually(lambda: not is_alive(child), what="the child ends with its keeper")
        return await task

    report = asyncio.run(asyncio.wait_for(kill(), 30))
    # Without its keeper another examines it, and the busier the machine is the sooner it gives up.
    expected = "was killed" if whom == "the child" else "took over 3 seconds|may take 3 in all"
    assert re.search(expected, report.reason)
    path.write_bytes(penguins())
    assert ask(forks, path).admitted


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
from inference.admission import examiner
from inference.admission import fork_server as forkserver
held = [socket.create_server(("127.0.0.1", 0)), open(sys.argv[1], "rb")]
kept = examiner.tell
def look(*_):
    places = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
    names = [os.readlink(place) for place in places if os.path.lexists(place)]
    raise SystemExit(" ".join(sorted(name.split(":")[0] for name in names)))
forkserver.tell = look
forks = forkserver.ForkServer()
async def ask():
    limits = forkserver.Limits()
    with await forks.read(Path(sys.argv[1]), limits) as contents:
        return await forks.examine(contents, limits)
print(asyncio.run(ask()).reason)
"""


def test_the_child_inherits_nothing_that_is_open(path: Path) -> None:
    path.write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("SystemExit: /dev/null /memfd pipe pipe")


# -- a fork server that does not do its part -------------------------------------------------------


@pytest.fixture
def frail() -> Iterator[ForkServer]:
    """Give a fork server that is the test's own."""
    server = ForkServer(load_trial)
    yield server
    server.close()
    assert not is_alive(server.pid)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_fork_server_that_begins_nothing_is_given_up(
    frail: ForkServer,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    monkeypatch.setattr(forkserver, "BEGIN_SECONDS", 0.3)
    path.write_bytes(penguins())
    os.kill(frail.pid, number)
    for _ in range(2):
        assert ask(frail, path).admitted
    assert caplog.text.count("examined in fresh processes from now on") == 1
    assert not is_alive(frail.pid)


def test_many_files_at_once_do_not_wait_for_one_that_is_stopped(
    frail: ForkServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than its socket holds."""
    monkeypatch.setattr(forkserver, "BEGIN_SECONDS", 0.3)
    path.write_bytes(penguins())
    os.kill(frail.pid, signal.SIGSTOP)

    async def read_many() -> None:
        jobs = [frail.read(path, Limits()) for _ in range(400)]
        for contents in await asyncio.gather(*jobs):
            contents.close()

    asyncio.run(asyncio.wait_for(read_many(), 60))


def test_a_process_that_cannot_be_begun_costs_the_fork_server_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(penguins())
    fork, forked = os.fork, 0

    def fork_now_and_then() -> int:
        nonlocal forked
        forked += 1
        if forked in (2, 4):  # the first is the fork server itself
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", fork_now_and_then)
    server = ForkServer(load_trial)
    monkeypatch.undo()
    try:
        for _ in range(4):
            assert ask(server, path).admitted
        assert is_alive(server.pid)
    finally:
        server.close()
    assert "has begun no process for a file" in caplog.text


def test_a_stopped_keeper_is_ended_when_its_time_is_over(forks: ForkServer, path: Path) -> None:
    path.write_bytes(artifacts.endless())

    async def stop() -> Report:
        with await forks.read(path, Limits()) as contents:
            task = asyncio.create_task(forks.examine(contents, Limits(seconds=1)))
            keeper, _ = await asyncio.to_thread(keeper_and_child, forks)
            os.kill(keeper, signal.SIGSTOP)
            return await task

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "_GRACE_SECONDS", 0.5)
        assert "took over 1 seconds" in asyncio.run(asyncio.wait_for(stop(), 30)).reason
    eventually(lambda: not children(forks.pid), what="nobody is left")


def test_whatever_it_has_begun_ends_with_it(path: Path) -> None:
    path.write_bytes(artifacts.endless())
    server = ForkServer(load_trial)

    async def close() -> None:
        with await server.read(path, Limits()) as contents:
            task = asyncio.create_task(server.examine(contents, Limits()))
            begun = await asyncio.to_thread(keeper_and_child, server)
            server.close()
            await asyncio.to_thread(eventually, lambda: not any(map(is_alive, begun)))
            task.cancel()
            await asyncio.wait({task})

    asyncio.run(asyncio.wait_for(close(), 30))


def test_a_file_system_that_hangs_costs_one_reader_and_nobody_waits_for_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is ended by its timer, whatever it waits for."""

    def hang(memory: int, file: Path, most_bytes: int, between: Any) -> Any:
        if file.name == "hangs":
            signal.pause()
        return fill(memory, file, most_bytes, between)

    monkeypatch.setattr(reader, "fill", hang)
    server = ForkServer(load_trial)
    path.write_bytes(penguins())

    async def ask_both() -> bytes:
        hanging = asyncio.create_task(server.read(tmp_path / "hangs", Limits(seconds=2)))
        with await asyncio.wait_for(server.read(path, Limits()), 30) as read:
            data = read.data()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hanging, 30)
        return data

    assert asyncio.run(ask_both()) == penguins()
    eventually(lambda: not children(server.pid), what="nobody is left")
    server.close()


def test_a_reading_that_nobody_waits_for_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file is not read to its end for somebody who has gone."""

    def slowly(*arguments: Any) -> Any:
        while True:
            arguments[-1]()

    monkeypatch.setattr(reader, "fill", slowly)
    server = ForkServer(load_trial)

    async def cancel() -> None:
        task = asyncio.create_task(server.read(tmp_path / "large", Limits(seconds=600)))
        await asyncio.to_thread(eventually, lambda: children(server.pid))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(cancel(), 30))
    eventually(lambda: not children(server.pid), what="nobody is left")
    server.close()
