"""Runs that never end, or take all memory, affect only the request that caused them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import NotReadyError, OverloadedError, RunTimeoutError, TooLargeError
from inference.model.plan import Plan, granted_cpus
from inference.model.servable import Servable
from inference.serving import runner as runner_module
from inference.serving.dispatcher import Dispatcher, longest
from inference.settings import MIB, Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.fake_servable import FakeServable
from support.models.hostile_graphs import LOOP, SINES, ZEROS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

ENDLESS = 9e15
MEMORY_BYTES = 128 * MIB
SETTINGS = {"run_seconds": 0.3, "run_memory_bytes": MEMORY_BYTES, "max_output_bytes": MIB}


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for at most a minute."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


class Bench:
    """A dispatcher, and those who ask it."""

    def __init__(self, **settings: Any) -> None:
        self.reasons: list[str] = []
        self.retired = asyncio.Event()
        chosen = Settings(**SETTINGS | settings)
        self.dispatcher = Dispatcher(chosen, Counters("waiting", 1), self._retire)

    def _retire(self, reason: str) -> None:
        self.reasons.append(reason)
        self.retired.set()

    async def ask(self, servable: Servable, value: float) -> list[Any]:
        feeds = {"X": np.full((1, 1), value, dtype=np.float32)}
        timing = Timing()
        timing.parse_ended()
        return await self.dispatcher.run(servable, None, feeds, timing, list)


def load(data: bytes, **plan: Any) -> Servable:
    return Servable.load(
        "m", 1, data, plan=Plan(**plan), memory_bytes=MEMORY_BYTES, fixed_sizes=False
    )


@scenario
async def test_a_run_without_end_is_ended_and_its_neighbors_are_not() -> None:
    """Of the same model at the same time: each run is ended by itself."""
    bench, loop = Bench(run_seconds=5), load(LOOP)
    threads = threading.active_count()
    begin = time.perf_counter()
    endless = asyncio.create_task(bench.ask(loop, ENDLESS))
    for _ in range(20):
        assert (await bench.ask(loop, 3.0))[0].tolist() == [[3.0]]
    assert not endless.done()
    with pytest.raises(RunTimeoutError, match=r"'m' took over 5 seconds.*INFERENCE_RUN_SECONDS"):
        await endless
    assert time.perf_counter() - begin < 30
    assert (await bench.ask(loop, 3.0))[0].tolist() == [[3.0]]
    assert threading.active_count() <= threads + 2  # a thread for each of the two at a time
    assert not bench.reasons


@scenario
async def test_a_model_that_hangs_leaves_the_others_their_threads() -> None:
    bench, hanging, good = Bench(run_seconds=20), load(LOOP), load(LOOP)
    endless = [asyncio.create_task(bench.ask(hanging, ENDLESS)) for _ in range(50)]
    await asyncio.sleep(0)
    for _ in range(20):
        await bench.ask(good, 1.0)
    assert not any(task.done() for task in endless), "none was waited for"
    for task in endless:
        task.cancel()
    bench.dispatcher.close()


@scenario
async def test_a_run_that_nobody_waits_for_any_more_is_ended() -> None:
    """Its clients have left, or were refused by the deadline."""
    bench, loop = Bench(run_seconds=60, deadline_seconds=0.2), load(LOOP)
    for _ in range(2 * runner_module._LEAST_SHARE):
        with pytest.raises((RunTimeoutError, OverloadedError), match="INFERENCE_DEADLINE_SECONDS"):
            await bench.ask(loop, ENDLESS)
    answers: list[Any] = []
    while not answers:  # what was given up ends at its next turn
        with contextlib.suppress(RunTimeoutError, OverloadedError):
            answers = await bench.ask(loop, 3.0)
    assert answers[0].tolist() == [[3.0]]


@pytest.mark.parametrize("plan", [{}, {"max_batch_rows": 8}], ids=["alone", "batched"])
@scenario
async def test_memory_and_outputs_have_limits(plan: dict[str, Any]) -> None:
    bench, zeros = Bench(run_seconds=30), load(ZEROS, **plan)
    for value, setting in ((2e9, "RUN_MEMORY"), (1e6, "MAX_OUTPUT"), (2e8, "RUN_MEMORY")):
        with pytest.raises(TooLargeError, match=f"INFERENCE_{setting}_BYTES"):
            await bench.ask(zeros, value)
    most = MIB // 4  # numbers of four bytes
    assert len((await bench.ask(zeros, most))[0]) == most
    with pytest.raises(TooLargeError, match="MAX_OUTPUT"):
        await bench.ask(zeros, most + 1)


@scenario
async def test_memory_that_was_taken_is_given_back_for_the_next_run() -> None:
    """Of whatever sizes the runs before were: an arena in pieces would refuse the larger ones."""
    bench, zeros = Bench(run_seconds=30, max_output_bytes=MEMORY_BYTES), load(ZEROS)
    for value in (1e6, 1.4e7, 1e3, 1.5e7, 1e7, 1.5e7, 1, 1.5e7):
        assert len((await bench.ask(zeros, value))[0]) == value


@scenario
async def test_a_run_that_lacks_the_memory_of_another_one_is_not_too_large() -> None:
    """It is answered once it is tried again: 503, and not 413."""
    bench, sines = Bench(run_seconds=50), load(SINES)
    large, small = 1.2e7, 5e6
    refused: list[Any] = []
    while not refused:  # they share the time of the machine, and thus the memory, sooner or later
        asked = [bench.ask(sines, value) for value in (large, small)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert {type(error) for error in refused} == {OverloadedError}
    assert "together (INFERENCE_RUN_MEMORY_BYTES)" in str(refused[0])
    assert (await bench.ask(sines, large))[0].tolist() == [[large]]
    assert (await bench.ask(sines, small))[0].tolist() == [[small]]
    with pytest.raises(TooLargeError, match="RUN_MEMORY"):
        await bench.ask(sines, 2 * large)


@scenario
async def test_a_run_that_alone_is_too_large_is_refused_as_such_beside_others() -> None:
    bench, zeros = Bench(run_seconds=30), load(ZEROS)
    asked = [bench.ask(zeros, value) for value in (2e9, 2e9, 2e9, 1e7, 1e7)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers[:3]] == [TooLargeError] * 3


@scenario
async def test_a_run_that_cannot_be_ended_is_answered_and_its_process_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner_module, "_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(runner_module, "_LAST_SECONDS", 0.05)
    bench, stuck = Bench(run_seconds=0.1, deadline_seconds=30), FakeServable(Plan())
    asked = [asyncio.create_task(bench.ask(stuck, 1.0)) for _ in range(99)]  # type: ignore[arg-type]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert bench.retired.is_set()
    assert set(bench.reasons) == {"a run of model 'fake' cannot be ended"}
    kinds = {type(answer) for answer in answers}
    assert kinds == {RunTimeoutError, NotReadyError}  # those that ran, and those that waited
    stuck.may_end.set()


@scenario
async def test_who_shares_a_run_with_an_endless_row_is_answered() -> None:
    """Where an operator batches such a model: the batch is ended early, its rows are run alone."""
    bench, loop = Bench(run_seconds=8), load(LOOP, max_batch_rows=8)
    first = asyncio.create_task(bench.ask(loop, 1e4))  # the others form a batch meanwhile
    await asyncio.sleep(0)
    values = (1.0, 2.0, ENDLESS, 3.0, 4.0)
    tasks = [asyncio.create_task(bench.ask(loop, value)) for value in values]
    await first
    endless = tasks.pop(2)
    answers = await asyncio.gather(*tasks)
    assert [answer[0].tolist() for answer in answers] == [[[1.0]], [[2.0]], [[3.0]], [[4.0]]]
    assert not endless.done()
    with pytest.raises(RunTimeoutError):
        await endless


@scenario
async def test_inputs_of_different_lengths_are_as_costly_as_the_longest() -> None:
    """The Open Inference Protocol takes them; for one row of many they would run on the loop."""
    bench = Bench()
    from support.models.artifacts import FLOAT, graph, model, node, value  # noqa: PLC0415

    onnx_graph = graph(
        [node("Identity", ["A"], ["Y"]), node("Identity", ["B"], ["Z"])],
        [value("A", FLOAT, "n", 1), value("B", FLOAT, "m", 1)],
        [value("Y", FLOAT, "n", 1), value("Z", FLOAT, "m", 1)],
    )
    servable = load(model(onnx_graph), mode="inline", inline_rows=8)
    feeds = {"A": np.zeros((9, 1), np.float32), "B": np.zeros((8, 1), np.float32)}
    assert longest(servable, 1, feeds) == 9
    assert not bench.dispatcher.is_inline(servable, 9, feeds)
    feeds["A"] = feeds["B"]
    assert bench.dispatcher.is_inline(servable, longest(servable, 1, feeds), feeds)


@pytest.mark.parametrize("plan", [{}, {"max_batch_rows": 8}], ids=["alone", "batched"])
@scenario
async def test_requests_for_which_there_is_no_thread_are_refused_and_leave_nothing_behind(
    plan: dict[str, Any],
) -> None:
    """More of them than the model has threads: each would else keep one of those for good."""
    bench, loop = Bench(run_seconds=30), load(LOOP, **plan)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as limited:
        limited.setattr(threading.Thread, "start", fail)
        for _ in range(2 * granted_cpus() + runner_module._LEAST_SHARE):
            answers = await asyncio.gather(
                *(bench.ask(loop, 1.0) for _ in range(3)), return_exceptions=True
            )
            assert {type(answer) for answer in answers} == {OverloadedError}
            assert "limit on processes" in str(answers[0])
    assert not bench.dispatcher._runner._runs
    assert (await bench.ask(loop, 3.0))[0].tolist() == [[3.0]]
