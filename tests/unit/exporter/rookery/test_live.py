"""Metrics over time: periods and metrics that there are not are refused with right ones."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from exporter.errors import OptionError
from exporter.rookery.live import Live, read_live
from inference.monitoring.feedback.records import Record
from inference.monitoring.feedback.store import FeedbackStore

if TYPE_CHECKING:
    from pathlib import Path


def test_without_feedback_there_are_no_periods(tmp_path: Path) -> None:
    assert len(read_live(tmp_path, "penguins", None, "1D")) == 0


@pytest.mark.parametrize(
    "every", ["", "x", "0h", "-1h", "1M", "NaT", None, 0, 5, 2.5, True, [], "60"]
)
def test_what_is_no_length_of_time_is_refused(every: Any, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"is no length of time: pass one such as '10min' or"):
        read_live(tmp_path, "penguins", None, every)


def test_an_unknown_metric_is_refused_with_those_that_there_are() -> None:
    live = Live({"version": [1], "time": [0], "rows": [3], "accuracy": [0.5]})
    with pytest.raises(OptionError, match=r"no metric 'f1': choose one of accuracy, rows$"):
        live.draw("f1")


def test_a_folder_beside_the_versions_is_none(tmp_path: Path) -> None:
    record = Record(0.0, "id", 0, 7200.5, "label", "a", "a")
    FeedbackStore(tmp_path).append("penguins", 1, [record])
    shutil.copytree(tmp_path / "penguins" / "1", tmp_path / "penguins" / "1-copy")

    live = read_live(tmp_path, "penguins", None, "1h")
    assert live[["version", "rows"]].to_numpy().tolist() == [[1, 1]]
