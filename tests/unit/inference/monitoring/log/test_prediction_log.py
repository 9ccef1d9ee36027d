"""The rows of a model that cannot be encoded are counted, and cost no other model its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.monitoring.log import prediction_log as module
from inference.monitoring.log.counts import LogCounts
from inference.monitoring.log.prediction_log import PredictionLog
from inference.monitoring.log.rows.encoder import RowEncoder
from inference.monitoring.log.writer import Limits, Writer
from inference.monitoring.served import ServedBatch
from inference.telemetry.counters import Counters
from support.answers.kinds import ROWS
from support.models.artifacts import penguins
from support.monitoring.logged import answer, journaled, load
from support.monitoring.watched import give

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pytest

    from inference.model.servable import Servable


def test_a_model_whose_rows_cannot_be_encoded_costs_no_other_model_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encoder_of(servable: Servable, omitted: Collection[str]) -> RowEncoder:
        if servable.name == "odd":
            raise ValueError("odd")
        return RowEncoder(servable, omitted)

    monkeypatch.setattr(module, "RowEncoder", encoder_of)
    counters = Counters("log", 1)
    counts = LogCounts(counters)
    writer = Writer(tmp_path, Limits(1000, 60, 0), counts)
    log = PredictionLog(1, (), writer, counts)
    odd, good = load(penguins(), "odd"), load(penguins(), "good")

    give(log, ServedBatch([answer(odd, ROWS), answer(good, ROWS)]))
    writer.flush()

    assert len(journaled(tmp_path)) == len(ROWS)
    assert {key: values[0] for key, values in counters.items()} == {
        ("logged", "good", "1"): len(ROWS),
        ("lost", "error"): len(ROWS),
    }
