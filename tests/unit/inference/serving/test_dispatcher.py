from __future__ import annotations

import asyncio
import functools
import gc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import InferenceError, OverloadedError, RunTimeoutError
from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.model.trials.golden_samples import is_batch_exact
from inference.serving.dispatcher import Dispatcher
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.fake_servable import POISON, FakeServable, feeds
from support.project import FIXTURES
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

BATCHED = Plan(mode="thread", max_batch_rows=8)


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for at most half a minute."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


class Bench:
    """A dispatcher, a servable, and those who ask it."""

    def __init__(self, plan: Plan = BATCHED, **settings: Any) -> None:
        self.waiting = Counters("waiting", 1)
        self.dispatcher = Dispatcher(Settings(**settings), self.waiting)
        self.servable = FakeServable(plan)

    def ask(
        self,
        *values: float,
        width: int = 2,
        outputs: Sequence[str] | None = None,
        timing: Timing | None = None,
        servable: Any = None,
    ) -> asyncio.Task[list[Any]]:
        asked: Any = servable or self.servable
        given = feeds(*values, width=width)
        timing = timing or Timing()
        timing.rows = len(values)
        return asyncio.create_task(self.dispatcher.run(asked, outputs, given, timing, list))

    async def begin(self, *values: float, **more: Any) -> asyncio.Task[list[Any]]:
        """Ask, and wait until the run has begun."""
        task = self.ask(*values, **more)
        await asyncio.to_thread(self.servable.began.acquire, timeout=20)
        return task

    async def queue(self, count: int) -> None:
        """Wait until so many requests of the model wait or run."""
        while self.count() != count:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0)

    def count(self, model: str = "fake") -> float:
        return float(self.waiting.values[self.waiting.find((model,))])

    def release(self) -> None:
        self.servable.may_end.set()


def doubled(*values: float) -> list[list[float]]:
    return [[value * 2] * 2 for value in values]


@scenario
async def test_arrivals_during_a_run_form_the_next_batch() -> None:
    bench = Bench()
    first = await bench.begin(1)
    others = [bench.ask(i) for i in range(2, 7)]
    await bench.queue(6)
    bench.release()
    answers = [await task for task in (first, *others)]
    assert bench.servable.sizes == [1, 5]
    assert [a[0].tolist() for a in answers] == [doubled(i) for i in range(1, 7)]
    assert bench.count() == 0


@scenario
async def test_rows_go_back_to_the_request_that_asked_them() -> None:
    bench = Bench()
    first = await bench.begin(1)
    asked = [(2.0, 3.0, 4.0), (5.0,), (6.0, 7.0)]
    others = [bench.ask(*values) for values in asked]
    await bench.queue(4)
    bench.release()
    await first
    for values, task in zip(asked, others, strict=True):
        assert (await task)[0].tolist() == doubled(*values)
    assert bench.servable.sizes == [1, 6]


@scenario
async def test_a_batch_is_no_larger_than_planned() -> None:
    bench = Bench()
    first = await bench.begin(1)
    others = [bench.ask(1, 2, 3) for _ in range(4)]
    await bench.queue(5)
    bench.release()
    await asyncio.gather(first, *others)
    assert bench.servable.sizes == [1, 6, 6]


@scenario
async def test_what_fills_a_batch_alone_does_not_queue_for_one() -> None:
    bench = Bench()
    first = await bench.begin(1)
    large = await bench.begin(*range(8))
    assert bench.servable.sizes == [1, 8]
    bench.release()
    await asyncio.gather(first, large)


@scenario
async def test_other_outputs_and_other_shapes_are_never_mixed() -> None:
    bench = Bench()
    first = await bench.begin(1)
    others = [
        bench.ask(2, outputs=["a"]),
        bench.ask(3, outputs=["b"]),
        bench.ask(4, outputs=["b"]),
        bench.ask(5, outputs=["b"], width=3),
        bench.ask(6),
    ]
    await bench.queue(6)
    bench.release()
    await asyncio.gather(first, *others)
    runs = [(outputs, array.shape) for outputs, array in bench.servable.runs]
    assert runs == [
        (None, (1, 2)),
        (["a"], (1, 2)),
        (["b"], (2, 2)),
        (["b"], (1, 3)),
        (None, (1, 2)),
    ]


@pytest.mark.parametrize("fault", [InferenceError("poison"), ValueError("unforeseen")])
@scenario
async def test_a_bad_row_fails_its_own_request_only(fault: Exception) -> None:
    bench = Bench()
    bench.servable.fault = fault
    first = await bench.begin(1)
    others = [bench.ask(v) for v in (2, POISON, 3)]
    await bench.queue(4)
    bench.release()
    await first
    answers = await asyncio.gather(*others, return_exceptions=True)
    assert answers[1] is fault
    assert [a[0].tolist() for a in (answers[0], answers[2])] == [doubled(2), doubled(3)]  # type: ignore[index]
    assert bench.count() == 0
    assert (await bench.ask(9))[0].tolist() == doubled(9)


@pytest.mark.parametrize("output", [np.float32(1), np.zeros((3, 2)), np.zeros((0, 2))])
@scenario
async def test_a_graph_whose_outputs_are_no_rows_is_run_one_by_one(output: Any) -> None:
    class Odd(FakeServable):
        def run(
            self, outputs: Sequence[str] | None, feeds: dict[str, Any], _: object = None
        ) -> list[Any]:
            super().run(outputs, feeds)
            return [output]

    bench = Bench()
    bench.servable = Odd()
    first = await bench.begin(1)
    others = [bench.ask(2), bench.ask(3)]
    await bench.queue(3)
    bench.release()
    for answer in await asyncio.gather(first, *others):
        assert answer[0] is output


@scenario
async def test_a_client_that_left_costs_no_run() -> None:
    bench = Bench()
    first = await bench.begin(1)
    leaving, staying = bench.ask(2), bench.ask(3)
    await bench.queue(3)
    leaving.cancel()
    await bench.queue(2)
    bench.release()
    assert (await first)[0].tolist() == doubled(1)
    assert (await staying)[0].tolist() == doubled(3)
    assert [array.tolist() for _, array in bench.servable.runs] == [[[1, 1]], [[3, 3]]]


@scenario
async def test_a_client_that_leaves_during_its_run_harms_nobody() -> None:
    bench = Bench()
    leaving = await bench.begin(1)
    staying = bench.ask(2)
    await bench.queue(2)
    leaving.cancel()
    bench.release()
    assert (await staying)[0].tolist() == doubled(2)
    with pytest.raises(asyncio.CancelledError):
        await leaving


@pytest.mark.parametrize("plan", [BATCHED, Plan()], ids=["batched", "alone"])
@scenario
async def test_who_waits_beyond_the_deadline_is_refused(plan: Plan) -> None:
    bench = Bench(plan, deadline_seconds=0.05)
    first = await bench.begin(1)
    second = bench.ask(2)
    waits = OverloadedError if plan is BATCHED else RunTimeoutError
    for task, error in ((first, RunTimeoutError), (second, waits)):
        with pytest.raises(error, match="INFERENCE_DEADLINE_SECONDS"):
            await task
    assert bench.count() == 0
    bench.release()
    bench.dispatcher.close()


@pytest.mark.parametrize("limit", ["max_queued", "max_queued_per_model"])
@scenario
async def test_past_a_limit_requests_are_refused_at_once(limit: str) -> None:
    bench = Bench(BATCHED, **{limit: 2})
    accepted = [await bench.begin(1), bench.ask(2)]
    await bench.queue(2)
    for _ in range(3):
        with pytest.raises(OverloadedError, match="too many"):
            await asyncio.wait_for(bench.ask(3), 1)
    bench.release()
    assert len(await asyncio.gather(*accepted)) == 2
    assert (await bench.ask(4))[0].tolist() == doubled(4)


@scenario
async def test_one_model_at_its_limit_leaves_the_others_alone() -> None:
    bench = Bench(max_queued_per_model=1)
    first = await bench.begin(1)
    other = FakeServable()
    other.name = "other"
    other.may_end.set()
    assert (await bench.ask(2, servable=other))[0].tolist() == doubled(2)
    with pytest.raises(OverloadedError):
        await bench.ask(3)
    bench.release()
    await first


@scenario
async def test_cheap_rows_run_on_the_loop_and_never_wait() -> None:
    bench = Bench(Plan(mode="inline", inline_rows=2), max_queued=1)
    bench.release()
    task = bench.ask(1, 2)
    await asyncio.sleep(0)  # one turn of the loop is enough
    assert task.done()
    assert bench.dispatcher.is_inline(bench.servable, 2, feeds(1, 2))  # type: ignore[arg-type]
    assert not bench.dispatcher.is_inline(bench.servable, 3, feeds(1, 2, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize("plan", [BATCHED, Plan(), Plan(mode="inline", inline_rows=8)])
@scenario
async def test_the_times_of_a_run_are_noted(plan: Plan) -> None:
    bench = Bench(plan)
    bench.release()
    timing = Timing()
    timing.parse_ended()
    await bench.ask(1, timing=timing)
    assert timing.started <= timing.parsed <= timing.began < timing.ended == timing.done


@scenario
async def test_a_request_knows_how_many_rows_its_run_had() -> None:
    bench = Bench()
    timings = [Timing() for _ in range(3)]
    first = await bench.begin(1, timing=timings[0])
    others = [bench.ask(i, timing=timings[i]) for i in (1, 2)]
    await bench.queue(3)
    bench.release()
    await asyncio.gather(first, *others)
    assert [t.run_rows for t in timings] == [1, 2, 2]


@pytest.mark.parametrize("plan", [BATCHED, Plan()], ids=["batched", "alone"])
@scenario
async def test_a_servable_is_freed_after_its_last_request(plan: Plan) -> None:
    bench = Bench(plan)
    bench.release()
    await asyncio.gather(*(bench.ask(i) for i in range(5)))
    await asyncio.gather(bench.ask(POISON), bench.ask(1), return_exceptions=True)
    gone = weakref.ref(bench.servable)
    bench.servable = FakeServable(plan)
    bench.release()
    await bench.ask(1)

    def is_freed() -> bool:
        gc.collect()
        return gone() is None

    # A thread releases its objects a moment after it has reported the result.
    await asyncio.to_thread(eventually, is_freed)


@scenario
async def test_batched_answers_are_bit_for_bit_those_of_a_run_alone() -> None:
    forest = (FIXTURES / "penguins-forest.onnx").read_bytes()
    servable = Servable.load("m", 1, forest, plan=Plan(max_batch_rows=64))
    assert is_batch_exact(servable)
    assert servable.contract
    bench = Bench()
    inputs = [servable.to_feeds([sample.row]) for sample in servable.contract.samples]
    alone = [servable.run(None, given) for given in inputs]
    timings = [Timing() for _ in inputs]
    first = bench.dispatcher.run(servable, None, inputs[0], Timing(), list)
    asked = [
        bench.dispatcher.run(servable, None, given, timing, list)
        for given, timing in zip(inputs, timings, strict=True)
    ]
    answers = (await asyncio.gather(first, *asked))[1:]
    assert max(timing.run_rows for timing in timings) > 1
    for answer, (label, probabilities) in zip(answers, alone, strict=True):
        assert answer[0].tolist() == label.tolist()
        assert answer[1].tobytes() == probabilities.tobytes()


def test_rows_whose_bits_depend_on_their_company_are_not_batched() -> None:
    servable = Servable.load("m", 1, (FIXTURES / "penguins-logistic.onnx").read_bytes())
    assert not is_batch_exact(servable)
