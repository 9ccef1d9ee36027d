"""Work off the loop: what is short does not wait for what is long, and threads may be refused."""

from __future__ import annotations

import asyncio
import threading

import pytest

from inference.runtime import threads as module
from inference.runtime.threads import _LONG_BYTES, NoThreadError, make_threads, off_loop


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


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")  # as Python does at a limit on processes


def test_work_that_is_refused_without_a_thread_is_not_done_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_short", make_threads(1, "short"))
    done: list[str] = []

    async def run() -> None:
        with monkeypatch.context() as limited:
            limited.setattr(threading.Thread, "start", _refuse)
            for _ in range(2):
                with pytest.raises(NoThreadError, match="limit on processes"):
                    await off_loop(1, done.append, "refused")
        await off_loop(1, done.append, "accepted")

    asyncio.run(run())
    assert done == ["accepted"]
    assert NoThreadError.status == 503


def test_work_waits_for_the_threads_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, may_end = make_threads(2, "some"), threading.Event()
    first = pool.submit(may_end.wait, 10)
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", _refuse)
        second = pool.submit(lambda: "done")
    assert not second.done()
    may_end.set()
    assert first.result(10)
    assert second.result(10) == "done"
    pool.shutdown()
