"""Times are read from what a notebook may pass, and what is none is refused with a right one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter.errors import OptionError
from exporter.rookery.log import to_time


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


def test_none_is_all() -> None:
    assert to_time(None) is None


@pytest.mark.parametrize(
    "since",
    ["", "yesterday", "-2h", "2026-13-45", "300000 days", 0, 3600, 2.5, True, float("nan"), pd.NaT,
     timedelta(seconds=-1), [], {}, b"2h"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_a_right_one(since: Any) -> None:
    with pytest.raises(OptionError, match=r"is no time: pass one such as '2026-11-01', or '2h'$"):
        to_time(since)
