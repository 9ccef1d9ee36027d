"""Screening only saves loads: where it cannot be done, the load decides."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inference.repository.loading.screening import Screening
from inference.runtime.threads import NoThreadError


@pytest.mark.parametrize("error", [NoThreadError(), TimeoutError()])
def test_what_could_not_be_screened_is_reported_as_possible(error: Exception) -> None:
    failures = [error]

    async def in_folder(_call: Any, files: list[Any]) -> list[str]:
        if failures:
            raise failures.pop()
        return ["it is empty"] * len(files)

    async def screen() -> None:
        reported: asyncio.Queue[list[Any]] = asyncio.Queue()
        screener = Screening(in_folder, reported.put_nowait)
        for fault in ("", "it is empty"):
            candidate = SimpleNamespace(path="m", fingerprint="f")
            entry = cast("Any", SimpleNamespace(candidate=candidate))
            screener.offer(("m", 1), entry)
            findings = await asyncio.wait_for(reported.get(), 10)
            assert findings == [(("m", 1), entry, candidate, fault)]
        await screener.close()

    asyncio.run(screen())
