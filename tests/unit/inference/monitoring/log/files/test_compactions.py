"""Journals become files one after the other, and one that fails waits for longer and longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.monitoring.log.files import compactions as module
from inference.monitoring.log.files.compactions import Compactions
from inference.monitoring.log.files.journal import journal_paths
from support.models.artifacts import penguins
from support.monitoring.logged import answer, filed, load, write_journal
from support.service.process import eventually

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [[39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0]]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def add(compactions: Compactions, root: Path, name: str) -> None:
    servable = load(penguins(), name)
    compactions.add(write_journal(root, servable, [answer(servable, ROWS)]))


def obstruct(compactions: Compactions, root: Path) -> Path:
    """Add a journal that cannot become a file until what is returned is removed."""
    obstacle = root / "bad"
    obstacle.write_bytes(b"a file where a folder has to be")
    add(compactions, root, "bad")
    return obstacle


def run(compactions: Compactions) -> OSError | None:
    """Do what is due, up to the first failure."""
    failures: list[OSError] = []

    def has_ended() -> bool:
        failure = compactions.step()
        failures.extend([failure] if failure else [])
        pause = compactions.pause
        return bool(failures) or pause is None or pause > 1

    eventually(has_ended, within=30)
    return failures[0] if failures else None


def test_journals_become_files_and_nothing_is_left_to_do(tmp_path: Path) -> None:
    compactions = Compactions(tmp_path)
    for name in ("first", "second"):
        add(compactions, tmp_path, name)

    assert run(compactions) is None
    assert compactions.pause is None
    assert len(filed(tmp_path)) == 2 * len(ROWS)
    assert journal_paths(tmp_path) == []


def test_one_that_fails_waits_ever_longer_and_holds_up_no_other(tmp_path: Path) -> None:
    clock = Clock()
    compactions = Compactions(tmp_path, retry_seconds=600, clock=clock)
    obstacle = obstruct(compactions, tmp_path)
    add(compactions, tmp_path, "good")

    assert "compaction failed: Not a directory" in str(run(compactions))
    assert run(compactions) is None, "the other one is due at once"
    assert {row["request_id"] for row in filed(tmp_path)} == {"an-id"}
    for pause in (600, 1200, 2400, 3600, 3600):
        assert compactions.pause == pytest.approx(pause)
        clock.now += pause - 1
        assert compactions.step() is None
        assert compactions.pause == pytest.approx(1), "it has not been started"
        clock.now += 1
        assert run(compactions) is not None
    obstacle.unlink()
    compactions.finish(30)
    assert journal_paths(tmp_path) == []


def test_the_end_does_not_wait_for_a_pause(tmp_path: Path) -> None:
    clock = Clock()
    compactions = Compactions(tmp_path, retry_seconds=600, clock=clock)
    obstacle = obstruct(compactions, tmp_path)
    assert run(compactions) is not None
    obstacle.unlink()

    compactions.finish(30)
    assert len(filed(tmp_path)) == len(ROWS)
    assert journal_paths(tmp_path) == []


def test_a_journal_may_be_added_while_another_thread_looks_through_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["second", "third"])

    class Watched(module._Task):
        """Another journal is added whenever someone looks when this one is due."""

        def __getattribute__(self, name: str) -> object:
            if name == "due":
                for other in names:
                    add(compactions, tmp_path, other)
            return super().__getattribute__(name)

    monkeypatch.setattr(module, "_Task", Watched)
    compactions = Compactions(tmp_path)
    add(compactions, tmp_path, "first")

    assert compactions.pause == 0.0
    compactions.finish(0.0)
    assert len(journal_paths(tmp_path)) == 3
