"""A name of a column that is probably misspelled gives a warning, once for each version."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inference.monitoring.log.counts import LogCounts
from inference.monitoring.log.omitted_names import OmittedNames
from inference.monitoring.log.prediction_log import PredictionLog
from inference.monitoring.log.rows.encoder import RowEncoder
from inference.monitoring.log.writer import Limits, Writer
from inference.monitoring.served import ServedBatch
from inference.telemetry.counters import Counters
from support.models.artifacts import mixed, penguins
from support.monitoring.logged import answer, load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

ROW = [39.1, 18.7, 181.0, 3750.0]


def check(names: OmittedNames, data: bytes, model: str = "penguins", version: int = 1) -> None:
    encoder = RowEncoder(load(data, model, version), names.names)
    names.check(encoder.schema, encoder.names)


def warned(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_a_misspelled_name_is_named_with_the_similar_one(caplog: pytest.LogCaptureFixture) -> None:
    check(OmittedNames(["body_mas_g", "bill_depth_mm", "key_id", "labl"]), penguins())

    first, second = warned(caplog)
    for part in ("PREDICTION_LOG_OMIT", "'body_mas_g'", "version 1", "'penguins'", "'body_mass_g'"):
        assert part in first
    assert "'labl'" in second
    assert "Did you mean 'label'?" in second


def test_each_version_that_lacks_the_name_gives_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    names = OmittedNames(["body_mas_g"])
    check(names, penguins())
    check(names, penguins(1), version=2)

    assert ["version 1" in warned(caplog)[0], "version 2" in warned(caplog)[1]] == [True, True]


def test_right_names_and_those_of_other_models_give_none(caplog: pytest.LogCaptureFixture) -> None:
    names = OmittedNames(["body_mass_g", "mass", "label", "p_Adelie", "latency_ms", "digest"])
    check(names, mixed(), "mixed")
    check(names, penguins())
    check(names, mixed(), "mixed", 2)

    assert warned(caplog) == []


def test_a_name_like_none_of_a_model_is_anothers(caplog: pytest.LogCaptureFixture) -> None:
    check(OmittedNames(["income", "request", "ünï ☃", "x" * 1000]), penguins())
    assert warned(caplog) == []


def test_a_suggestion_is_not_omitted_already(caplog: pytest.LogCaptureFixture) -> None:
    """An old and a new spelling may both be in the list."""
    check(OmittedNames(["body_mass_g", "body_mass"]), penguins())
    assert warned(caplog) == []


def test_the_log_checks_each_version_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counts = LogCounts(Counters("log", 1))
    writer = Writer(tmp_path, Limits(1000, 60, 0), counts)
    log = PredictionLog(1, ("body_mas_g",), writer, counts)
    servable = load(penguins())
    for _ in range(3):
        log.consume(servable, ServedBatch([answer(servable, [ROW, ROW])]))

    assert len(warned(caplog)) == 1
    log.close()
