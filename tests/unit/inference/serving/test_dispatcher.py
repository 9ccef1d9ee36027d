from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from inference.errors import OverloadedError, RunTimeoutError
from inference.model.plan import Plan
from inference.telemetry.timing import Timing
from support.dispatcher_harness import BATCHED, Bench, doubled, scenario
from support.fake_servable import POISON, FakeServable, feeds
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


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
    bench = Bench(plan, deadline_seconds=1)  # enough to begin
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
            await asyncio.wait_for(bench.ask(3), 20)
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


@scenario
async def test_waiting_explanations_have_limits_of_their_own_and_refuse_no_prediction() -> None:
    bench = Bench(max_queued=1, max_queued_per_model=1)
    models = [bench.servable, *(named(f"m{i}") for i in range(4))]
    jobs = [explain(bench, model) for model in models[:4] for _ in range(16)]
    await asyncio.to_thread(bench.servable.began.acquire, timeout=20)
    for model in (bench.servable, models[4]):
        with pytest.raises(OverloadedError, match="explanations wait for model"):
            await asyncio.wait_for(explain(bench, model), 20)
    assert bench.count() == 0
    free = named("free")
    free.may_end.set()
    assert (await bench.ask(2, servable=free))[0].tolist() == doubled(2)
    for model in models:
        model.may_end.set()
    assert (await bench.ask(2))[0].tolist() == doubled(2)
    assert await asyncio.gather(*jobs) == [doubled(1)] * 64
    assert await explain(bench, models[4]) == doubled(1)


@scenario
async def test_one_explanation_of_all_models_runs_at_a_time_and_models_take_turns() -> None:
    bench, other = Bench(), named("other")
    running, order = [0], list[str]()

    def job(model: FakeServable) -> asyncio.Task[Any]:
        def call(run: Any) -> None:
            running[0] += 1
            assert running == [1]
            order.append(model.name)
            run(None, feeds(1))
            running[0] -= 1

        return work(bench, model, call)

    jobs = [job(bench.servable) for _ in range(5)]
    await asyncio.to_thread(bench.servable.began.acquire, timeout=20)
    jobs += [job(other) for _ in range(2)]
    await asyncio.sleep(0)
    other.may_end.set()
    bench.release()
    await asyncio.gather(*jobs)
    # Each model has one job in the line of all, so that many of one delay another by one at a time.
    assert order.index("other") <= 2
    assert len(order) == 7


@scenario
async def test_an_explanation_whose_client_left_makes_room_for_the_next() -> None:
    bench, other = Bench(), named("other")
    leaving, waiting = explain(bench, bench.servable), explain(bench, bench.servable)
    await asyncio.to_thread(bench.servable.began.acquire, timeout=20)
    other.may_end.set()
    for task in (waiting, leaving):
        task.cancel()
    assert await explain(bench, other) == doubled(1)
    bench.release()
    assert await explain(bench, bench.servable) == doubled(1)


@scenario
async def test_explanations_beyond_the_deadline_are_refused() -> None:
    bench, other = Bench(deadline_seconds=1), named("other")
    first = explain(bench, bench.servable)
    await asyncio.to_thread(bench.servable.began.acquire, timeout=20)
    for task in (first, explain(bench, other)):
        with pytest.raises((OverloadedError, RunTimeoutError), match="INFERENCE_DEADLINE_SECONDS"):
            await task
    bench.release()
    other.may_end.set()
    bench.dispatcher.close()


def named(name: str) -> FakeServable:
    servable = FakeServable()
    servable.name = name
    return servable


def work(bench: Bench, servable: Any, call: Callable[[Any], T]) -> asyncio.Task[T]:
    timing = Timing()
    timing.parse_ended()
    return asyncio.create_task(bench.dispatcher.work(servable, call, timing))


def explain(bench: Bench, servable: FakeServable) -> asyncio.Task[list[list[float]]]:
    return work(bench, servable, lambda run: run(None, feeds(1))[0].tolist())


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
