"""All folders of a log have the same mode, whatever the mask of the process permits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from inference.monitoring.feedback.records import Record
from inference.monitoring.feedback.store import FeedbackStore
from inference.monitoring.log.counts import LogCounts
from inference.monitoring.log.files.compaction import compact
from inference.monitoring.log.files.private_folder import MODE, make_folder
from inference.monitoring.log.writer import Limits, Writer
from inference.telemetry.counters import Counters
from support.answers.kinds import ROWS
from support.models.artifacts import penguins
from support.monitoring.logged import answer, load, write_journal
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def open_mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(root: Path) -> set[int]:
    """Return the modes of a folder and of all in it."""
    return {folder.stat().st_mode & 0o7777 for folder in (root, *root.rglob("*/"))}


def test_rows_journals_and_feedback_have_the_same_folders(tmp_path: Path) -> None:
    root = tmp_path / "a" / "log"
    writer = Writer(root, Limits(1000, 60, 0), LogCounts(Counters("log", 1)))
    writer.start()
    eventually(root.is_dir)
    servable = load(penguins())
    journal = write_journal(root, servable, [answer(servable, ROWS)])
    compact(root, journal.path)
    record = Record(1.7e9, "an-id", 0, 1.7e9, "label", "Adelie", "Adelie")
    FeedbackStore(root).append("penguins", 1, [record])
    FeedbackStore(root).append("other", 2, [record])

    assert len(list(root.rglob("*/"))) >= 8
    assert modes(tmp_path / "a") == {MODE}
    journal.close()
    writer.close()


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir(0o755)
    make_folder(tmp_path / "log" / "1")
    make_folder(tmp_path / "log" / "1")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o755
    assert modes(tmp_path / "log" / "1") == {MODE}


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"")
    with pytest.raises(OSError, match="log"):
        make_folder(tmp_path / "log" / "1")
