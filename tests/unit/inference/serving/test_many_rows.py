"""Answers of many rows are encoded in pieces, and are the same bytes as in one go."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.serving import predictor as predict
from inference.serving.dispatcher import Dispatcher, is_small
from inference.serving.predictor import Predictor
from inference.serving.rows.reader import Batch
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.models.artifacts import classifier_graph, contract, measurements, with_contract
from support.project import FIXTURES


@pytest.mark.parametrize("name", ["penguins-logistic", "regressor", "zipmap"])
@pytest.mark.parametrize("rows", [1, 2, 2048, 2049, 8192, 8193, 30_000])
def test_pieces_change_no_byte(name: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    servable = Servable.load("m", 1, (FIXTURES / f"{name}.onnx").read_bytes())
    predictor = Predictor(servable, Dispatcher(Settings(), Counters("waiting", 1)), Settings())
    features = servable.features or ()
    row = servable.contract.samples[0].row if servable.contract else [1.0] * len(features)
    feeds = servable.to_feeds([row] * rows)
    results = servable.run(predictor._builder.outputs, feeds)
    pieces: list[int] = []

    def encode(value: Any) -> bytes:
        pieces.append(len(value))
        return msgspec.json.encode(value)

    monkeypatch.setattr(predict, "_encode", encode)
    batch = Batch(rows, feeds, single=False, warnings=[{"row": 0}])
    answer = predictor._encode(servable, batch, results, Timing())
    whole = {"model": "m", "version": 1, "predictions": predictor._builder.records(results)}
    whole["warnings"] = [*predictor._builder.notes, {"row": 0}]
    assert answer == msgspec.json.encode(whole)
    assert max(pieces) <= predict._PIECE_VALUES


def test_tables_of_maps_are_no_small_results() -> None:
    table = {str(i): 0.5 for i in range(100)}
    assert is_small([np.zeros(40), [table] * 40])
    assert not is_small([np.zeros(41), [table] * 41])


def test_a_wide_answer_is_made_at_once_only_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was run on the event loop is thrown away if its answer has to be encoded elsewhere."""
    classes = [f"species-{number}" for number in range(200)]
    content = with_contract(classifier_graph(classes), contract(measurements(), classes))
    servable = Servable.load("m", 1, content, plan=Plan(inline_rows=64))
    dispatcher = Dispatcher(Settings(), Counters("waiting", 1))
    predictor = Predictor(servable, dispatcher, Settings())
    runs: list[int] = []
    run = dispatcher.run_inline

    def count(*arguments: Any) -> Any:
        runs.append(len(arguments[2]["X"]))
        return run(*arguments)

    monkeypatch.setattr(dispatcher, "run_inline", count)

    def ask(rows: int) -> bool:
        body = msgspec.json.encode([[39.1, 18.7, 181.0, 3750.0]] * rows)
        return predictor.predict_now(servable, body, Timing()) is not None

    assert [ask(rows) for rows in (20, 22, 22, 21, 21, 20)] == [True, *[False] * 4, True]
    assert runs == [20, 22, 21, 20]
