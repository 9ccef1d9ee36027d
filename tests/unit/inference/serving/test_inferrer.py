from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import InferenceError, RequestError
from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.serving.dispatcher import Dispatcher
from inference.serving.inferrer import Inferrer
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.models import artifacts

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 100_000


@pytest.fixture
def inferrer() -> Iterator[Inferrer]:
    dispatcher = Dispatcher(Settings(), Counters("waiting", 1))
    yield Inferrer(dispatcher, max_rows=ROWS)
    dispatcher.close()


@pytest.fixture(scope="module")
def penguins() -> Servable:
    return Servable.load("penguins", 1, artifacts.penguins(), plan=Plan("inline", inline_rows=128))


def request(rows: int) -> bytes:
    array = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    data = array.reshape(-1).tolist()
    given = {"name": "X", "shape": [rows, 4], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [given]}).encode()


def test_a_large_batch_leaves_the_loop_to_others(inferrer: Inferrer, penguins: Servable) -> None:
    """Most of the work is done in another thread than the loop's.

    A busy machine takes longer, so that the loop answers more small requests meanwhile.
    """
    large, small = request(ROWS), request(1)

    async def ask() -> tuple[float, float, int, bytes]:
        answered = 0
        began, on_loop = time.process_time(), time.thread_time()
        task = asyncio.create_task(inferrer.infer(penguins, large, None, Timing()))
        while not task.done():
            assert inferrer.infer_now(penguins, small, None, Timing()) is not None
            answered += 1
            await asyncio.wait([task], timeout=0.005)
        spent = time.process_time() - began, time.thread_time() - on_loop
        return *spent, answered, (await task).body

    everything, on_loop, answered, body = asyncio.run(ask())
    assert len(json.loads(body)["outputs"][0]["data"]) == ROWS
    assert answered > 3
    assert on_loop < everything * 0.6


def test_what_is_small_is_answered_at_once(inferrer: Inferrer, penguins: Servable) -> None:
    assert inferrer.infer_now(penguins, request(1), None, Timing()) is not None


def test_what_is_large_has_to_wait(inferrer: Inferrer, penguins: Servable) -> None:
    assert inferrer.infer_now(penguins, request(2000), None, Timing()) is None


@pytest.mark.parametrize("binary", [False, True])
def test_a_wide_answer_is_made_at_once_only_the_first_time(
    inferrer: Inferrer, monkeypatch: pytest.MonkeyPatch, *, binary: bool
) -> None:
    """What was run on the event loop is thrown away if its answer has to be encoded elsewhere."""
    classes = [f"species-{number}" for number in range(200)]
    described = artifacts.contract(artifacts.measurements(), classes)
    content = artifacts.with_contract(artifacts.classifier_graph(classes), described)
    servable = Servable.load("wide", 1, content, plan=Plan(inline_rows=64))
    runs: list[int] = []
    run = inferrer._dispatcher.run_inline

    def count(*arguments: Any) -> Any:
        runs.append(len(arguments[2]["X"]))
        return run(*arguments)

    monkeypatch.setattr(inferrer._dispatcher, "run_inline", count)

    def ask(rows: int) -> bool:
        body = request(rows)
        if binary:
            body = body[:-1] + b',"parameters":{"binary_data_output":true}}'
        return inferrer.infer_now(servable, body, None, Timing()) is not None

    assert [ask(rows) for rows in (20, 22, 22, 21, 21, 20)] == [True, *[False] * 4, True]
    assert runs == [20, 22, 21, 20]


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("rows", [1, 3])
def test_classes_of_a_foreign_classifier_are_counted(
    inferrer: Inferrer, rows: int, *, zipmap: bool
) -> None:
    content = artifacts.model(artifacts.classifier_graph(artifacts.SPECIES, zipmap=zipmap))
    servable = Servable.load("foreign", 1, content, plan=Plan("inline", inline_rows=128))
    timing = Timing()
    response = inferrer.infer_now(servable, request(rows), None, timing)
    assert response is not None
    label = next(o for o in json.loads(response.body)["outputs"] if o["name"] == "label")
    assert timing.labels == Counter(label["data"])


def test_a_model_without_plan_has_to_wait(inferrer: Inferrer) -> None:
    servable = Servable.load("penguins", 1, artifacts.penguins())
    assert inferrer.infer_now(servable, request(1), None, Timing()) is None


def test_both_ways_answer_alike(inferrer: Inferrer, penguins: Servable) -> None:
    now = inferrer.infer_now(penguins, request(3), None, Timing())
    later = asyncio.run(inferrer.infer(penguins, request(3), None, Timing()))
    assert now == later


def test_a_failed_run_is_the_callers_mistake_only_without_contract(inferrer: Inferrer) -> None:
    """Dimensions with one name must agree, which only the graph knows."""
    onnx_graph = artifacts.graph(
        [artifacts.node("Add", ["a", "b"], ["c"])],
        [artifacts.value(name, artifacts.FLOAT, "n") for name in "ab"],
        [artifacts.value("c", artifacts.FLOAT, "n")],
    )
    servable = Servable.load("sum", 1, artifacts.model(onnx_graph))
    inputs = [
        {"name": name, "shape": [n], "datatype": "FP32", "data": [1.0] * n}
        for name, n in (("a", 2), ("b", 3))
    ]
    body = json.dumps({"inputs": inputs}).encode()
    with pytest.raises(RequestError, match="'sum' cannot be run on these inputs"):
        asyncio.run(inferrer.infer(servable, body, None, Timing()))

    described = replace(servable, contract=Servable.load("m", 1, artifacts.penguins()).contract)
    with pytest.raises(InferenceError):
        asyncio.run(inferrer.infer(described, body, None, Timing()))
