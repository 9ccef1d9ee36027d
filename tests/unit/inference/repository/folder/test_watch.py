from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from inference.repository.folder.watch import ticks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def _tick_after(
    folder: Path, change: Callable[[], object], *, rescan_seconds: float = 60
) -> None:
    """Wait for the tick that follows a change; a change may come before the watch stands."""
    stop = asyncio.Event()
    ticked = asyncio.Event()

    async def watch() -> None:
        async for _ in ticks(folder, rescan_seconds=rescan_seconds, force_polling=False, stop=stop):
            ticked.set()

    task = asyncio.create_task(watch())
    async with asyncio.timeout(20):
        while not ticked.is_set():
            change()
            await asyncio.wait([task, asyncio.create_task(ticked.wait())], timeout=0.2,
                               return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
            assert not task.done(), task.result()
        stop.set()
        await task


def test_a_change_ticks_before_the_next_rescan(tmp_path: Path) -> None:
    asyncio.run(_tick_after(tmp_path, (tmp_path / "m.onnx").touch))


def test_a_missing_folder_ticks_and_is_watched_when_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    asyncio.run(_tick_after(folder, lambda: None, rescan_seconds=0.1))


def test_a_name_that_is_no_text_ends_no_watch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It makes watchfiles fail, and the periodic tick must go on all the same."""
    count = 0

    def change() -> None:
        nonlocal count
        count += 1
        with open(os.fsencode(tmp_path) + b"/\xff%d" % count, "wb"):  # noqa: PTH123 - no text
            pass

    asyncio.run(_tick_after(tmp_path, change, rescan_seconds=0.3))
    assert "cannot be watched" in caplog.text
    assert "TaskGroup" not in caplog.text


def test_a_folder_that_is_replaced_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()

    def replace() -> None:
        folder.rename(tmp_path / f"old{len(os.listdir(tmp_path))}")  # noqa: PTH208
        folder.mkdir()

    asyncio.run(_tick_after(folder, replace, rescan_seconds=0.1))


@pytest.mark.parametrize("polling", [True, False])
def test_stops_when_it_is_told_to(tmp_path: Path, polling: bool) -> None:
    async def stopped() -> None:
        stop = asyncio.Event()
        stop.set()
        async for _ in ticks(tmp_path, rescan_seconds=60, force_polling=polling, stop=stop):
            pytest.fail("it must have stopped")

    asyncio.run(stopped())
