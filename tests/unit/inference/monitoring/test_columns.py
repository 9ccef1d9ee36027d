"""Requests of every route and size become the same columns."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.monitoring.columns import ServedTable
from inference.monitoring.hand_off import HandOff
from inference.monitoring.served import ServedBatch
from inference.serving.dispatcher import Dispatcher
from inference.serving.inferrer import Inferrer
from inference.serving.predictor import Predictor
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.models.artifacts import MEASUREMENTS, penguins, regressor
from support.monitoring.watched import Recording, answered
from support.project import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = [
    [39.1, 18.7, 181.0, 3750.0],
    [46.5, 17.9, 192.0, 3500.0],
    [50.0, 16.3, 230.0, 5700.0],
    [9.5, 170.9, 192.0, 3500.0],  # outside the training range
]
PLANS = [Plan(mode="inline", inline_rows=8), Plan(mode="thread", max_batch_rows=8), Plan("thread")]


@pytest.fixture(params=PLANS, ids=["inline", "batch", "thread"])
def plan(request: pytest.FixtureRequest) -> Plan:
    return request.param


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(Settings(), Counters("waiting", 1))
    yield dispatcher
    dispatcher.close()


def serve(servable: Servable, dispatcher: Dispatcher, bodies: list[bytes]) -> ServedTable:
    """Answer each request as the routes do, and return what is handed on."""
    predictor = Predictor(servable, dispatcher, Settings())
    inferrer = Inferrer(dispatcher, max_rows=100)
    consumer = Recording()
    hand_off = HandOff([consumer])

    async def ask(body: bytes) -> None:
        timing = Timing()
        if body.startswith(b'{"inputs"'):
            if inferrer.infer_now(servable, body, None, timing) is None:
                await inferrer.infer(servable, body, None, timing)
        elif predictor.predict_now(servable, body, timing) is None:
            await predictor.predict(servable, body, timing)
        hand_off.append(servable, timing)

    async def ask_all() -> None:
        for body in bodies:
            await ask(body)

    asyncio.run(ask_all())
    hand_off.close()
    assert len(consumer.taken) == len(bodies)
    return ServedTable(servable, ServedBatch(consumer.handed))


def record(row: list[float]) -> dict[str, float]:
    return dict(zip(MEASUREMENTS, row, strict=True))


def tensors(rows: list[list[float]], **more: Any) -> bytes:
    shape = [len(rows), 4]
    given = {
        "name": "X",
        "shape": shape,
        "datatype": "FP32",
        "data": [value for row in rows for value in row],
    }
    return json.dumps({"inputs": [given]} | more).encode()


def bodies_of(route: str) -> list[bytes]:
    match route:
        case "one record":
            return [json.dumps(record(row)).encode() for row in ROWS]
        case "records":
            return [json.dumps([record(row) for row in ROWS]).encode()]
        case "rows":
            return [json.dumps(ROWS[:3]).encode(), json.dumps(ROWS[3:]).encode()]
        case "mixture":
            return [json.dumps(record(ROWS[0])).encode(), json.dumps(ROWS[1:]).encode()]
        case "one tensor":
            return [tensors([row]) for row in ROWS]
        case _:
            return [tensors(ROWS)]


@pytest.mark.parametrize(
    "route", ["one record", "records", "rows", "mixture", "one tensor", "tensor"]
)
@pytest.mark.parametrize("content", ["penguins", "forest"])
def test_every_route_hands_on_the_same_columns(
    route: str, content: str, plan: Plan, dispatcher: Dispatcher
) -> None:
    data = penguins() if content == "penguins" else fixture("penguins-forest")
    servable = Servable.load("m", 1, data, plan=plan)
    table = serve(servable, dispatcher, bodies_of(route))
    assert servable.contract is not None
    assert table.rows == len(ROWS)
    for place, feature in enumerate(servable.contract.features):
        column = table.feature(feature)
        assert column.values.dtype == np.float64
        assert column.values == pytest.approx([row[place] for row in ROWS])
        assert not column.missing.any()
    names = [servable.contract.outputs.label, servable.contract.outputs.probabilities]
    expected = servable.run([str(name) for name in names], servable.to_feeds(ROWS))
    answers = table.answers()
    assert list(answers) == names
    assert answers[str(names[0])].values.tolist() == expected[0].ravel().tolist()
    assert answers[str(names[1])].values == pytest.approx(expected[1])


@pytest.mark.parametrize("content", ["penguins", "forest"])
def test_answers_of_different_routes_are_put_together(
    content: str, plan: Plan, dispatcher: Dispatcher
) -> None:
    data = penguins() if content == "penguins" else fixture("penguins-forest")
    servable = Servable.load("m", 1, data, plan=plan)
    forms = [
        lambda row: json.dumps(record(row)),
        lambda row: json.dumps([row]),
        lambda row: tensors([row]).decode(),
    ]
    rows = [row for row in ROWS for _ in range(9)]
    bodies = [one(row).encode() for row in ROWS for form in forms for one in (form, *forms[:2])]
    table = serve(servable, dispatcher, bodies)
    assert servable.contract is not None
    names = [str(servable.contract.outputs.label), str(servable.contract.outputs.probabilities)]
    expected = servable.run(names, servable.to_feeds(rows))
    answers = table.answers()
    assert answers[names[0]].values.tolist() == expected[0].ravel().tolist()
    assert answers[names[1]].values == pytest.approx(expected[1])


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.onnx").read_bytes()


def test_missing_values_and_each_kind_of_feature(plan: Plan, dispatcher: Dispatcher) -> None:
    servable = Servable.load("m", 1, fixture("mixed-columns"), plan=plan)
    assert servable.contract is not None
    samples = [sample.row for sample in servable.contract.samples]
    features = servable.contract.features
    empty = [None if f.nullable else v for f, v in zip(features, samples[0], strict=True)]
    rows = [*samples, empty]
    bodies = [json.dumps(rows).encode(), *(json.dumps([row]).encode() for row in rows)]
    table = serve(servable, dispatcher, bodies)
    for place, feature in enumerate(features):
        expected = [row[place] for row in rows] * 2
        column = table.feature(feature)
        assert column.missing.tolist() == [value is None for value in expected]
        for got, value in zip(column.values.tolist(), expected, strict=True):
            if value is not None:
                assert got == pytest.approx(value) if isinstance(value, float) else got == value


def test_a_value_is_that_of_the_regression(plan: Plan, dispatcher: Dispatcher) -> None:
    servable = Servable.load("m", 1, regressor(), plan=plan)
    assert servable.contract is not None
    row = [feature.example for feature in servable.contract.features]
    table = serve(servable, dispatcher, [json.dumps([row, row]).encode(), json.dumps(row).encode()])
    (column,) = table.answers().values()
    (expected,) = servable.run([servable.contract.outputs.label], servable.to_feeds([row]))
    assert column.values == pytest.approx(expected.ravel().tolist() * 3)


def test_an_output_that_was_not_asked_for_is_missing(dispatcher: Dispatcher) -> None:
    servable = Servable.load("m", 1, penguins(), plan=PLANS[0])
    assert servable.contract is not None
    label = servable.contract.outputs.label
    bodies = [tensors(ROWS[:2], outputs=[{"name": label}]), tensors(ROWS[:1]), tensors(ROWS)]
    table = serve(servable, dispatcher, bodies)
    answers = table.answers()
    assert not answers[label].missing.any()
    (other,) = (column for name, column in answers.items() if name != label)
    assert other.missing.tolist() == [True] * 2 + [False] * 5
    assert other.values.shape == (7, 3)


def test_a_request_whose_arrays_are_not_its_rows_is_left_out() -> None:
    servable = Servable.load("m", 1, penguins(), plan=PLANS[0])
    consumer = Recording()
    hand_off = HandOff([consumer])
    for length, rows in ((2, 2), (3, 2), (1, 2)):
        feeds = {"X": np.zeros((length, 4), np.float32)}
        hand_off.append(servable, answered(None, feeds=feeds, outputs=(), results=(), rows=rows))
    hand_off.close()
    table = ServedTable(servable, ServedBatch(consumer.handed))
    assert (table.rows, table.counts) == (2, [2])
    assert table.answers() == {}


def test_a_batch_of_nothing_has_no_rows() -> None:
    servable = Servable.load("m", 1, penguins(), plan=PLANS[0])
    table = ServedTable(servable, ServedBatch([]))
    assert (table.rows, table.inputs, table.answers()) == (0, {}, {})
