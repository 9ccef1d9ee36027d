"""Answers of many rows are encoded in pieces, and are the same bytes as in one go."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from inference.model.servable import Servable
from inference.serving import predictor as predict
from inference.serving.dispatcher import Dispatcher, is_small
from inference.serving.predictor import Predictor
from inference.serving.rows.reader import Batch
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
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
