"""Work off the loop: what is short does not wait for what is long."""

from __future__ import annotations

import asyncio
import threading

import pytest

from inference.runtime.threads import _LONG_BYTES, off_loop


@pytest.mark.parametrize(
    ("size", "waits"), [(_LONG_BYTES - 1, False), (_LONG_BYTES, False), (_LONG_BYTES + 1, True)]
)
def test_short_work_does_not_wait_for_long_work(size: int, waits: bool) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def long_work() -> None:
        begun.set()
        assert may_end.wait(10)

    async def run() -> None:
        long_task = asyncio.ensure_future(off_loop(_LONG_BYTES + 1, long_work))
        await asyncio.to_thread(begun.wait, 10)
        other = asyncio.ensure_future(off_loop(size, lambda: "done"))
        if not waits:
            assert await other == "done"
        else:
            await asyncio.to_thread(lambda: None)
            assert not other.done()
        may_end.set()
        await long_task
        assert await other == "done"

    asyncio.run(run())
