"""The short way for the usual request answers exactly what the ordinary way does, or nothing."""

from __future__ import annotations

import gc
import json
import random
import weakref
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from inference.model.contract import Sample
from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.serving.dispatcher import Dispatcher
from inference.serving.one_record import OneRecordFastPath
from inference.serving.predictor import Predictor
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.models.artifacts import (
    FLOAT,
    INT64,
    MEASUREMENTS,
    classifier_graph,
    contract,
    graph,
    measurements,
    mixed,
    node,
    penguins,
    regressor,
    value,
    with_contract,
)
from support.project import FIXTURES

INLINE = Plan(mode="inline", inline_rows=8)
ROW = (39.1, 18.7, 181.0, 3750.0)


def servable_of(content: bytes, plan: Plan = INLINE) -> Servable:
    return Servable.load("m", 3, content, plan=plan)


def record(*values: Any) -> bytes:
    return json.dumps(dict(zip(MEASUREMENTS, values, strict=True))).encode()


def ordinary(servable: Servable) -> Predictor:
    predictor = Predictor(servable, Dispatcher(Settings(), Counters("waiting", 1)), Settings())
    predictor._fast_path = None
    return predictor


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.onnx").read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        penguins(),
        fixture("penguins-logistic"),
        fixture("penguins-forest"),
        fixture("integer-labels"),
        fixture("boolean-labels"),
    ],
)
def test_it_answers_byte_for_byte_as_the_ordinary_way(content: bytes) -> None:
    servable = servable_of(content)
    fast_path, other = OneRecordFastPath.of(servable), ordinary(servable)
    assert fast_path is not None
    assert servable.contract is not None
    chance = random.Random(3)
    features = servable.contract.features
    for _ in range(200):
        row = {f.name: chance.uniform(f.minimum or 0, f.maximum or 0) for f in features}
        if chance.random() < 0.3:
            row = dict(sorted(row.items()))
        body = json.dumps(row).encode()
        answer = fast_path.answer(body, Timing())
        assert answer is not None
        assert answer == other.predict_now(servable, body, Timing())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}",
        b"[39.1, 18.7, 181, 3750]",
        b"[" + record(*ROW) + b"]",
        b" " + record(*ROW),
        record(*ROW) + b"x",
        record(39.1, 18.7, 181.0, 1e9),
        record(39.1, 18.7, 181.0, 1e300),
        record(39.1, 18.7, 181.0, float("nan")),
        record(39.1, 18.7, 181.0, float("inf")),
        record(39.1, 18.7, 181.0, None),
        record(39.1, 18.7, 181.0, "3750"),
        record(*ROW).replace(b"bill_length_mm", b"bill"),
        record(*ROW).replace(b"bill_length_mm", b"bill\xff"),
        record(*ROW)[:-1] + b', "more": 1}',
        b'{"bill_length_mm":' * 5000,
    ],
)
def test_it_leaves_everything_else_to_the_ordinary_way(body: bytes) -> None:
    fast_path = OneRecordFastPath.of(servable_of(penguins()))
    assert fast_path is not None
    assert fast_path.answer(body, Timing()) is None
    assert fast_path.answer(record(*ROW), Timing())


@pytest.mark.parametrize(
    ("content", "plan"),
    [
        (mixed(), INLINE),
        (regressor(), INLINE),
        (fixture("foreign"), INLINE),
        (fixture("zipmap"), INLINE),
        (penguins(), Plan(mode="thread")),
    ],
)
def test_it_is_for_cheap_classifiers_on_numbers_only(content: bytes, plan: Plan) -> None:
    assert OneRecordFastPath.of(servable_of(content, plan)) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"minimum": None},
        {"maximum": None},
        {"kind": "integer", "maximum": 1e30},
        {"nullable": True, "minimum": None, "maximum": None},
    ],
)
def test_a_range_that_is_not_known_is_not_guessed(changed: dict[str, Any]) -> None:
    servable = servable_of(penguins())
    assert servable.contract is not None
    first, *others = servable.contract.features
    features = [msgspec.structs.replace(first, **changed), *others]
    servable = replace(
        servable, contract=msgspec.structs.replace(servable.contract, features=features)
    )
    assert OneRecordFastPath.of(servable) is None


@pytest.mark.parametrize("classes", [('a "b"', "c", "d"), ("a\\b", "c", "d"), ("a\nb", "c", "d")])
def test_classes_that_cannot_be_fields_are_answered_all_the_same(classes: tuple[str, ...]) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 4)).astype("f4")
    scores = np.array([ROW], dtype=np.float32) @ (weights / [45, 17, 200, 4200]).astype("f4").T
    shares = (np.exp(scores) / np.exp(scores).sum()).tolist()[0]
    sample = Sample(list(ROW), classes[int(np.argmax(shares))], shares)
    described = contract(measurements(), classes, [sample])
    servable = servable_of(with_contract(classifier_graph(classes), described))
    predictor = Predictor(servable, Dispatcher(Settings(), Counters("waiting", 1)), Settings())
    answer = predictor.predict_now(servable, record(*ROW), Timing())
    assert tuple(json.loads(answer or b"")["probabilities"]) == classes


def test_a_graph_that_answers_otherwise_each_time_is_not_bound() -> None:
    """What is bound is compared with an ordinary run before it is used."""
    nodes = [
        node("Shape", ["X"], ["shape"]),
        node("RandomUniformLike", ["X"], ["noise"]),
        node("ReduceMax", ["noise"], ["probabilities"], keepdims=1),
        node("ArgMax", ["X"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [value("label", INT64, "n"), value("probabilities", FLOAT, 1, 1)]
    onnx_graph = graph(nodes, [value("X", FLOAT, "n", 4)], outputs)
    described = contract(measurements(), [3], [Sample(list(ROW), 3, [1.0])])
    servable = servable_of(with_contract(onnx_graph, described))
    assert servable.bind_row(["label"]) is not None
    assert servable.bind_row(["label", "probabilities"]) is None


def test_a_golden_sample_with_a_missing_value_is_not_compared() -> None:
    """No usual request has one."""
    samples = [Sample([None, *ROW[1:]], "a", [1.0, 0.0, 0.0]), Sample(list(ROW), "a", [1.0, 0, 0])]
    described = contract(measurements(), ("a", "b", "c"), samples)
    servable = servable_of(with_contract(classifier_graph(("a", "b", "c")), described))
    assert servable.bind_row(None) is not None


def test_a_first_sample_with_a_missing_value_leaves_the_fast_way_as_it_is() -> None:
    classes = ("a", "b", "c")
    samples = [Sample([None, *ROW[1:]], "a", [1.0, 0, 0]), Sample(list(ROW), "a", [1.0, 0, 0])]
    described = contract(measurements(), classes, samples)
    servable = servable_of(with_contract(classifier_graph(classes), described))
    fast_path = OneRecordFastPath.of(servable)
    assert fast_path is not None
    answer = fast_path.answer(record(*ROW), Timing())
    assert answer == ordinary(servable).predict_now(servable, record(*ROW), Timing())


@pytest.mark.parametrize("failing", ["run", "bind_row", "answer"])
def test_whatever_fails_in_preparation_leaves_the_ordinary_way(
    failing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError("out of luck")

    servable = servable_of(penguins())
    if failing == "run":
        monkeypatch.setattr("inference.model.io_binding.RowBinding.run", fail)
    elif failing == "bind_row":
        monkeypatch.setattr(Servable, "bind_row", fail)
    else:
        monkeypatch.setattr(OneRecordFastPath, "_encode_answer", lambda *_: b"{}")
    predictor = Predictor(servable, Dispatcher(Settings(), Counters("waiting", 1)), Settings())
    answer = predictor.predict_now(servable, record(*ROW), Timing())
    assert answer == ordinary(servable).predict_now(servable, record(*ROW), Timing())
    assert "without the fast path" in caplog.text


def test_every_run_is_told_apart() -> None:
    """The arrays are made once; an answer must not change with the next one."""
    servable = servable_of(fixture("penguins-logistic"))
    fast_path = OneRecordFastPath.of(servable)
    assert fast_path is not None
    rows = [(39.1, 18.7, 181.0, 3750.0), (50.0, 16.3, 230.0, 5700.0), (46.5, 17.9, 192.0, 3500.0)]
    labels = [
        json.loads(fast_path.answer(record(*row), Timing()) or b"")["label"] for row in rows * 3
    ]
    assert labels == ["Adelie", "Gentoo", "Chinstrap"] * 3


def test_a_servable_is_freed_although_its_session_was_bound() -> None:
    servable = servable_of(penguins())
    fast_path = OneRecordFastPath.of(servable)
    gone = weakref.ref(servable)
    del servable
    gc.collect()
    assert gone() is None
    assert fast_path is not None
    assert fast_path.answer(record(*ROW), Timing()) is not None
