"""Junk in the folder, however much of it, keeps no good model waiting."""

from __future__ import annotations

import asyncio
import gc
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from inference.repository.entry import Entry
from inference.repository.loading.live_names import LiveNames
from inference.repository.loading.load_queue import Kind, LoadQueue
from inference.runtime.threads import NoThreadError
from support.amount import amount
from support.models.artifacts import message
from support.repository_harness import Bench, live, note, scenario

if TYPE_CHECKING:
    from pathlib import Path

    from inference.repository.folder.scan import Key
    from inference.repository.loading.load_queue import Load

JUNK = amount("JUNK", 300)


def entry() -> Entry:
    return Entry(None)  # type: ignore[arg-type]  # the queue does not look at it


def record(begun: list[Key], may_end: asyncio.Event) -> Any:
    async def work(load: Load) -> None:
        begun.append(load.key)
        await may_end.wait()

    return work


async def turn_over() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def until(begun: list[Key], count: int) -> None:
    while len(begun) < count:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)


@scenario
async def test_so_many_are_worked_on_at_once() -> None:
    for at_once in (2, 3, 4):
        begun: list[Key] = []
        may_end = asyncio.Event()
        queue = LoadQueue(at_once, record(begun, may_end))
        for number in range(3):
            queue.offer(("long", number), entry(), Kind.LONG)
            queue.offer(("m", number), entry(), Kind.NEW)
        await turn_over()
        assert len(begun) == at_once
        assert len([key for key in begun if key[0] == "long"]) < at_once
        may_end.set()
        await until(begun, 6)
        await queue.close()


@scenario
async def test_the_newest_and_each_kind_have_their_turn_soon() -> None:
    begun: list[Key] = []
    may_end = asyncio.Event()
    queue = LoadQueue(1, record(begun, may_end))
    queue.offer(("first", 1), entry(), Kind.NEW)
    for number in range(1000):
        queue.offer((f"junk-{number}", 1), entry(), Kind.NEW)
        queue.offer((f"spoilt-{number}", 1), entry(), Kind.AGAIN)
    queue.offer(("good", 1), entry(), Kind.NEW)
    queue.offer(("repaired", 1), entry(), Kind.AGAIN)
    queue.offer(("live", 1), entry(), Kind.LIVE)
    may_end.set()
    await until(begun, 9)
    await queue.close()
    assert {"good", "repaired", "live", "junk-0"} <= {name for name, _ in begun[:9]}


@scenario
async def test_an_offer_is_taken_back_and_keeps_its_place_when_it_is_repeated() -> None:
    begun: list[Key] = []
    may_end = asyncio.Event()
    queue = LoadQueue(1, record(begun, may_end))
    queue.offer(("first", 1), entry(), Kind.NEW)
    gone = entry()
    queue.offer(("gone", 1), gone, Kind.NEW)
    queue.offer(("gone", 1), gone, Kind.NEW)
    queue.offer(("gone", 1), gone, Kind.AGAIN)
    queue.discard(("gone", 1))
    queue.discard(("gone", 1))
    queue.offer(("last", 1), entry(), Kind.NEW)
    may_end.set()
    await until(begun, 2)
    await turn_over()
    assert begun == [("first", 1), ("last", 1)]


@scenario
async def test_nothing_is_begun_any_more_once_it_is_closed() -> None:
    begun: list[Key] = []
    queue = LoadQueue(1, record(begun, asyncio.Event()))
    queue.offer(("first", 1), entry(), Kind.NEW)
    queue.offer(("second", 1), entry(), Kind.NEW)
    await turn_over()
    await queue.close()
    await turn_over()
    assert begun == [("first", 1)]


@scenario
async def test_a_model_published_among_junk_is_live_before_the_junk_is_examined(
    tmp_path: Path,
) -> None:
    """Also among such junk as looks like a model from the outside."""
    bench = Bench(tmp_path)
    for number in range(JUNK):
        content = message((1, 8), (7, b"%d" % number))
        bench.put(f"junk-{number}.onnx", content)
        bench.put(f"text-{number}/1/model.onnx", b"text %d" % number)
        bench.examiner.refuses[content] = "junk"
    held = asyncio.Event()
    async with live(bench):
        await bench.until(lambda s: len(s.models) == 2 * JUNK)
        bench.examiner.holds = {note(1): held}
        seen = len(bench.examiner.seen)
        bench.put("good.onnx", note(1))
        begin = time.monotonic()
        await bench.until(lambda _: note(1) in bench.examiner.seen)
        between = bench.examiner.seen[seen:].index(note(1))
        held.set()
        await bench.until(lambda s: "good" in s.ready_names)
        assert between < JUNK - 1 or time.monotonic() - begin < 2
        await bench.until(lambda s: all(m.state != "loading" for m in s.models.values()))
        assert len(bench.examiner.seen) == JUNK + 1  # texts are not examined


@scenario
async def test_reconciling_what_has_not_changed_makes_no_snapshot(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.version(1)
    bench.put("text.onnx", b"text")
    async with live(bench):
        before = await bench.until(lambda s: s.complete and s.models["text"].state != "loading")
        for _ in range(3):
            await bench.repository.rescan()
        assert bench.repository.current() is before
        kept = before.models["m"]
        bench.put("other.onnx", note(2))
        after = await bench.until(lambda s: "other" in s.ready_names)
        assert after.models["m"] is kept


@scenario
async def test_after_a_restart_what_was_live_comes_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.put("good.onnx", note(1), age=500)
    async with live(bench):
        await bench.until(lambda s: s.complete and "good" in s.ready_names)
        await bench.until(lambda _: LiveNames(tmp_path / "state").before == {"good"})
    for number in range(60):  # half of them older, half of them newer
        junk = message((1, 8), (7, b"%d" % number))
        bench.put(f"junk-{number}.onnx", junk, age=470 + number)
    again = Bench(tmp_path)
    shutil.rmtree(tmp_path / "state" / "reports")  # so that all is examined again
    async with live(again):
        await again.until(lambda s: "good" in s.ready_names)
        assert again.examiner.seen.index(note(1)) < 10


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b"\xff", b'["../../etc"]'])
def test_a_damaged_list_of_live_models_does_no_harm(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "live.json").write_bytes(content)
    names = LiveNames(tmp_path)
    assert names.before <= {"../../etc"}
    names.keep(["a", "b"])
    assert LiveNames(tmp_path).before == {"a", "b"}
    assert LiveNames(tmp_path / "live.json").before == frozenset()
    LiveNames(tmp_path / "live.json").keep(["a"])


@scenario
async def test_names_that_no_thread_could_store_are_stored_with_the_next_scan(
    tmp_path: Path,
) -> None:
    refusals = [NoThreadError()]

    async def in_thread(call: Any, names: list[str]) -> None:
        if refusals:
            raise refusals.pop()
        call(names)

    names, loop = LiveNames(tmp_path), asyncio.get_running_loop()
    unhandled: list[Any] = []
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    async with asyncio.timeout(10):
        while LiveNames(tmp_path).before != {"a"}:
            names.keep_soon(["a"], in_thread)
            await asyncio.sleep(0)
    gc.collect()
    assert not unhandled
