"""Changes of the folder tick at once, and nothing else does before the next rescan."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference.repository.folder.models_folder import ModelsFolder
from inference.repository.folder.watch import ticks
from inference.runtime.inotify import Inotify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio

NEVER = 3600.0


class Ticks:
    """The ticks of one folder."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[None] = asyncio.Queue()

    async def next(self) -> None:
        """Wait for a tick."""
        async with asyncio.timeout(10):
            await self.queue.get()

    async def none(self) -> None:
        """Wait for a moment, and fail if there is a tick."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await self.queue.get()
                pytest.fail("there was a tick")


@contextlib.asynccontextmanager
async def ticking(
    folder: Path, *, rescan_seconds: float = NEVER, force_polling: bool = False
) -> AsyncIterator[Ticks]:
    """Watch a folder; the first tick has come, so that it is watched."""
    stop, found = asyncio.Event(), Ticks()

    async def watch() -> None:
        async for _ in ticks(
            ModelsFolder(folder),
            rescan_seconds=rescan_seconds,
            force_polling=force_polling,
            stop=stop,
        ):
            found.queue.put_nowait(None)

    task = asyncio.create_task(watch())
    try:
        await found.next()
        yield found
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


def _write(path: Path) -> None:
    path.write_bytes(b"content")


CHANGES: dict[str, Callable[[Path], object]] = {
    "file": lambda folder: (folder / "other.onnx").touch(),
    "model": lambda folder: (folder / "other").mkdir(),
    "version": lambda folder: (folder / "m" / "2").mkdir(),
    "other file": lambda folder: _write(folder / "m" / "1" / "other.onnx"),
    "content": lambda folder: _write(folder / "m" / "1" / "model.onnx"),
    "times": lambda folder: os.utime(folder / "m" / "1" / "model.onnx", (1, 1)),
    "deleted": lambda folder: (folder / "m" / "1" / "model.onnx").unlink(),
    "version renamed": lambda folder: (folder / "m" / "1").rename(folder / "m" / "3"),
    "model moved": lambda folder: (folder / "m").rename(folder.parent / "elsewhere"),
    "linked": lambda folder: (folder / "link").symlink_to(folder / "m"),
    "model deleted": lambda folder: shutil.rmtree(folder / "m"),
    "folder deleted": shutil.rmtree,
    "folder moved": lambda folder: folder.rename(folder.parent / "moved"),
    "hidden": lambda folder: (folder / "..data").mkdir(),
    "no text": lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).touch(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_ticks_before_the_next_rescan(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    folder = tmp_path / "models"
    _make_model(folder / "m" / "1")
    async with ticking(folder) as found:
        await found.none()
        change(folder)
        await found.next()


async def test_what_has_come_is_watched_with_all_that_lies_in_it(tmp_path: Path) -> None:
    async with ticking(tmp_path) as found:
        (tmp_path / "m").mkdir()
        await found.next()
        (tmp_path / "m" / "1").mkdir()
        await found.next()
        _write(tmp_path / "m" / "1" / "model.onnx")
        await found.next()
        _make_model(tmp_path.parent / "aside" / "1")
        (tmp_path.parent / "aside").rename(tmp_path / "whole")
        await found.next()
        await found.none()
        _write(tmp_path / "whole" / "1" / "model.onnx")
        await found.next()


async def test_the_target_of_a_link_is_watched(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    _make_model(tmp_path / "elsewhere" / "1")
    (folder / "m").symlink_to(tmp_path / "elsewhere")
    async with ticking(folder) as found:
        _write(tmp_path / "elsewhere" / "1" / "model.onnx")
        await found.next()


async def test_what_has_left_is_watched_no_longer(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    _make_model(folder / "m" / "1")
    async with ticking(folder) as found:
        (folder / "m").rename(tmp_path / "elsewhere")
        await found.next()
        with contextlib.suppress(TimeoutError):  # the kernel tells that the watches have ended
            async with asyncio.timeout(0.3):
                await found.queue.get()
        _write(tmp_path / "elsewhere" / "1" / "model.onnx")
        await found.none()


async def test_a_folder_that_comes_later_is_watched_then(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    async with ticking(folder) as found:
        folder.mkdir()
        async with asyncio.timeout(10):
            while not _is_watched(folder):
                await found.next()
        _make_model(folder / "m" / "1")
        await found.next()


async def test_a_folder_that_is_replaced_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    async with ticking(folder) as found:
        folder.rename(tmp_path / "old")
        await found.next()
        _make_model(folder / "m" / "1")
        async with asyncio.timeout(10):
            while not _is_watched(folder):
                await found.next()
        _write(folder / "m" / "1" / "model.onnx")
        await found.next()


async def test_a_flood_of_changes_is_one_tick_at_a_time(tmp_path: Path) -> None:
    async with ticking(tmp_path) as found:
        for number in range(20_000):  # more than the kernel keeps for one process
            (tmp_path / f"{number}.onnx").touch()
        await found.next()
        assert found.queue.qsize() < 10


async def test_a_folder_that_cannot_be_watched_is_scanned_and_watched_when_it_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, watch = True, Inotify.watch

    def watch_or_fail(inotify: Inotify, folders: object) -> None:
        if failing:
            raise OSError(errno.ENOSPC, "the limit is reached")
        watch(inotify, folders)  # type: ignore[arg-type]

    monkeypatch.setattr(Inotify, "watch", watch_or_fail)
    async with ticking(tmp_path, rescan_seconds=0.05) as found:
        for _ in range(5):
            await found.next()
        assert caplog.text.count("cannot be watched (the limit is reached)") == 1
        failing = False
        async with asyncio.timeout(10):
            while not _is_watched(tmp_path):
                await found.next()


@pytest.mark.parametrize("polling", [True, False])
async def test_there_are_ticks_without_events(tmp_path: Path, polling: bool) -> None:
    rescan_seconds = 1.0 if polling else 0.2
    async with ticking(tmp_path, rescan_seconds=rescan_seconds, force_polling=polling) as found:
        begun = asyncio.get_running_loop().time()
        for _ in range(4):
            await found.next()
        assert asyncio.get_running_loop().time() - begun > 0.5
        assert _is_watched(tmp_path) is not polling


async def test_a_folder_is_scanned_while_there_is_no_thread_to_watch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", refuse)
        async with ticking(tmp_path, rescan_seconds=0.05) as found:
            await found.next()
            await found.next()
            assert not _is_watched(tmp_path)
            limited.undo()
            async with asyncio.timeout(10):
                while not _is_watched(tmp_path):
                    await found.next()


@pytest.mark.parametrize("polling", [True, False])
async def test_stops_when_asked(tmp_path: Path, polling: bool) -> None:
    stop = asyncio.Event()
    stop.set()
    async for _ in ticks(
        ModelsFolder(tmp_path), rescan_seconds=60, force_polling=polling, stop=stop
    ):
        pytest.fail("it must have stopped")
    async with ticking(tmp_path, force_polling=polling):
        pass


def _make_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    _write(folder / "model.onnx")


def _is_watched(folder: Path) -> bool:
    """Ask the kernel whether this process watches a folder, see proc(5)."""
    wanted = f"ino:{folder.stat().st_ino:x} "
    for name in os.listdir("/proc/self/fdinfo"):  # noqa: PTH208
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{name}") as file:  # noqa: PTH123
            if any(line.startswith("inotify") and wanted in line for line in file):
                return True
    return False
