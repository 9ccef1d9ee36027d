"""Times are read from what a notebook may pass, and what is none is refused with a right one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from exporter.errors import OptionError
from exporter.rookery.log import read_log, to_time
from inference.monitoring.feedback.records import Record
from inference.monitoring.feedback.store import FeedbackStore
from inference.monitoring.log.files.compaction import compact
from inference.monitoring.log.files.lookup import AnswerLookup
from support.answers.kinds import ROWS
from support.models.artifacts import penguins
from support.monitoring.logged import answer, load, write_journal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "since", ["2h", "2h0min", timedelta(hours=2), pd.Timedelta("2h"), np.timedelta64(2, "h")]
)
def test_a_length_of_time_is_so_long_ago(since: Any) -> None:
    time = to_time(since)
    assert time is not None
    assert abs(pd.Timestamp.now("UTC") - time - pd.Timedelta("2h")) < pd.Timedelta("1min")


@pytest.mark.parametrize(
    "since",
    [
        "2026-11-01",
        "2026-11-01T02:00:00+02:00",
        date(2026, 11, 1),
        datetime(2026, 11, 1, tzinfo=UTC),
        np.datetime64("2026-11-01"),
        pd.Timestamp("2026-11-01"),
    ],
)
def test_a_time_without_a_zone_is_utc(since: Any) -> None:
    assert to_time(since) == pd.Timestamp("2026-11-01", tz="UTC")


@pytest.mark.parametrize(
    ("since", "time"),
    [("2026", "2026-01-01"), ("2026-11", "2026-11-01"), ("20261101", "2026-11-01")],
)
def test_a_date_without_a_unit_is_no_number_of_nanoseconds(since: str, time: str) -> None:
    assert to_time(since) == pd.Timestamp(time, tz="UTC")


def test_none_is_all() -> None:
    assert to_time(None) is None


@pytest.mark.parametrize(
    "since",
    ["", "yesterday", "-2h", "2026-13-45", "300000 days", 0, 3600, 2.5, True, np.int64(5),
     np.float32(2), np.True_, np.timedelta64("NaT"), float("nan"), pd.NaT,
     timedelta(seconds=-1), [], {}, b"2h"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_a_right_one(since: Any) -> None:
    with pytest.raises(OptionError, match=r"is no time: pass one such as '2026-11-01', or '2h'$"):
        to_time(since)


def test_of_requests_with_the_same_id_only_that_which_is_meant_has_the_truth(
    tmp_path: Path,
) -> None:
    servable = load(penguins())
    handed = [answer(servable, ROWS, b"same") for _ in range(2)]
    write_journal(tmp_path, servable, handed).close()
    (found,) = AnswerLookup(tmp_path).find([("same", 1)])
    assert found is not None
    record = Record(0.0, "same", 1, found.time, "label", "Gentoo", found.answer)
    FeedbackStore(tmp_path).append("penguins", 1, [record])

    log = read_log(tmp_path, "penguins", None)
    assert log["row"].tolist() == [0, 1, 0, 1]
    assert log["truth"].dropna().to_dict() == {3: "Gentoo"}


@pytest.mark.parametrize("removed", [1, 2])
def test_files_that_are_removed_while_they_are_read_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    servable = load(penguins())
    for request_id in (b"a", b"b"):
        journal = write_journal(tmp_path, servable, [answer(servable, ROWS, request_id)])
        compact(tmp_path, journal.path)
        journal.remove()
    connect = duckdb.connect

    def remove_and_connect() -> Any:
        monkeypatch.undo()
        for path in sorted(tmp_path.rglob("*.parquet"))[:removed]:
            path.unlink()
        return connect()

    monkeypatch.setattr(duckdb, "connect", remove_and_connect)
    assert len(read_log(tmp_path, "penguins", None)) == (2 - removed) * len(ROWS)
