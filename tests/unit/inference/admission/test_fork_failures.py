"""Files are read and examined even if the fork server or one of its processes fails."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from inference.admission import fork_server
from inference.admission.admission import Limits
from inference.admission.files import reader
from inference.admission.files.contents import fill
from inference.admission.fork_server import ForkServer
from inference.serving.trial_process import load_trial
from support.forked_processes import (
    ask,
    children,
    is_alive,
    monitor_and_examiner,
)
from support.models import hostile_models
from support.models.artifacts import penguins
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow  # a process with threads, as one of xdist has, must not fork


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
    monkeypatch.setattr(fork_server, "BEGIN_SECONDS", 0.3)
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
    monkeypatch.setattr(fork_server, "BEGIN_SECONDS", 0.3)
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
    assert "has started no process for a file" in caplog.text


def test_whatever_it_has_begun_ends_with_it(path: Path) -> None:
    path.write_bytes(hostile_models.endless())
    server = ForkServer(load_trial)

    async def close() -> None:
        with await server.read(path, Limits()) as contents:
            task = asyncio.create_task(server.examine(contents, Limits()))
            begun = await asyncio.to_thread(monitor_and_examiner, server)
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
    eventually(lambda: not children(server.pid), what="no process is left")
    server.close()


def test_a_reading_that_nobody_waits_for_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file is not read to its end for a caller that has gone."""

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
    eventually(lambda: not children(server.pid), what="no process is left")
    server.close()
