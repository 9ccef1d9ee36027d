from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import InferenceError
from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.model.trials.golden_samples import is_batch_exact
from inference.telemetry.timing import Timing
from support.dispatcher_harness import Bench, doubled, scenario
from support.fake_servable import POISON, FakeServable, Stepwise
from support.project import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Sequence


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


@scenario
async def test_a_run_ends_with_its_only_client_and_the_next_one_begins() -> None:
    bench, servable = _make_stepwise()
    first = await bench.begin(1)
    second = bench.ask(2)
    await bench.queue(2)
    assert not servable.steps[1,].is_stopped
    first.cancel()
    await bench.wait_for_run()
    assert [step.is_stopped for step in servable.steps.values()] == [True, False]
    servable.steps[2,].end.set()
    assert (await second)[0].tolist() == doubled(2)
    assert bench.count() == 0
    servable.steps[1,].end.set()


@pytest.mark.parametrize("leaving", [0, 1])
@scenario
async def test_a_batch_goes_on_for_the_client_that_has_stayed(leaving: int) -> None:
    bench, servable = _make_stepwise()
    first = await bench.begin(1)
    others = [bench.ask(2), bench.ask(3)]
    await bench.queue(3)
    servable.steps[1,].end.set()
    await first
    await bench.wait_for_run()
    others[leaving].cancel()
    await bench.queue(1)
    assert not servable.steps[2, 3].is_stopped
    servable.steps[2, 3].end.set()
    assert (await others[1 - leaving])[0].tolist() == doubled(3 - leaving)
    assert servable.sizes == [1, 2]


@pytest.mark.parametrize("is_first", [True, False])
@scenario
async def test_what_runs_alone_after_a_bad_batch_ends_with_its_client(*, is_first: bool) -> None:
    """Its client leaves before or after another request of the batch is answered."""
    bench, servable = _make_stepwise()
    first = await bench.begin(1)
    leaving, failing = bench.ask(2), bench.ask(POISON)
    await bench.queue(3)
    servable.steps[1,].end.set()
    await first
    await bench.wait_for_run()
    servable.steps[2, POISON].end.set()
    for _ in range(2):
        await bench.wait_for_run()
    if is_first:
        leaving.cancel()
        await bench.queue(1)
    servable.steps[POISON,].end.set()
    with pytest.raises(InferenceError):
        await failing
    if not is_first:
        assert not servable.steps[2,].is_stopped
        leaving.cancel()
    following = await bench.begin(4)
    assert servable.steps[2,].is_stopped
    for step in servable.steps.values():
        step.end.set()
    assert (await following)[0].tolist() == doubled(4)


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


def _make_stepwise() -> tuple[Bench, Stepwise]:
    bench, servable = Bench(), Stepwise()
    bench.servable = servable
    return bench, servable
