"""Versions that are asked for are loaded, and held while they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from inference.errors import ConflictError, NotFoundError
from support.repository_harness import Bench, live, note, scenario

if TYPE_CHECKING:
    from pathlib import Path

    from inference.model.servable import Servable


async def load(bench: Bench, name: str, version: int) -> Servable:
    async with bench.repository.holding(name, [version]) as loading:
        return (await loading)[version]


@scenario
async def test_who_leaves_ends_no_load_that_others_wait_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    bench.version(2)
    bench.examiner.holds[bench.version(1)] = may_end = asyncio.Event()
    async with live(bench):
        await bench.settled([2])
        leaves, stays = (asyncio.create_task(load(bench, "m", 1)) for _ in range(2))
        await bench.until(lambda _: note(1) in bench.examiner.seen)
        leaves.cancel()
        await asyncio.wait({leaves})
        may_end.set()
        assert (await asyncio.wait_for(stays, 20)).version == 1


@scenario
async def test_an_older_version_is_loaded_when_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    for number in (1, 2, 3):
        bench.version(number)
    bench.examiner.refuses[note(2)] = "bad"
    async with live(bench):
        await bench.settled([3])
        servable = await load(bench, "m", 1)
        assert servable.version == 1
        with pytest.raises(ConflictError, match="bad"):
            await load(bench, "m", 2)
        with pytest.raises(NotFoundError):
            await load(bench, "m", 7)
        with pytest.raises(NotFoundError):
            await load(bench, "n", 1)
        await bench.settled([3])
