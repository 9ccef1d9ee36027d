"""The writer never makes its callers wait, and says what it has lost."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from inference.monitoring.log import writer as module
from inference.monitoring.log.counts import LogCounts
from inference.monitoring.log.files.compactions import Compactions
from inference.monitoring.log.files.journal import Journal, journal_paths
from inference.monitoring.log.writer import Limits, Writer
from inference.telemetry.counters import Counters
from support.answers.kinds import ROWS
from support.models.artifacts import penguins
from support.monitoring.logged import answer, encode, filed, journaled, load, write_journal
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONG = Limits(rows=1_000_000, seconds=3600, days=30)


@pytest.fixture
def counters() -> Counters:
    return Counters("log", 1)


@pytest.fixture
def begin(tmp_path: Path, counters: Counters) -> Iterator[Callable[..., Writer]]:
    """Start writers, which end with the test."""
    with_thread: list[Writer] = []

    def start(limits: Limits = LONG, root: Path = tmp_path, **options: Any) -> Writer:
        with_thread.append(Writer(root, limits, LogCounts(counters), **options))
        with_thread[-1].start()
        return with_thread[-1]

    yield start
    for writer in with_thread:
        writer.close()


def add(writer: Writer, requests: int = 1) -> None:
    servable = load(penguins())
    encoder, frame = encode(servable, [answer(servable, ROWS)] * requests)
    writer.add(encoder.schema, frame, requests * len(ROWS))


def counted(counters: Counters) -> dict[tuple[str, ...], float]:
    return {key: values[0] for key, values in counters.items()}


def test_rows_are_in_the_journal_within_a_second(
    begin: Callable[..., Writer], tmp_path: Path, counters: Counters
) -> None:
    writer = begin()
    add(writer)

    eventually(lambda: len(journaled(tmp_path)) == len(ROWS))
    logged = {("logged", "penguins", "1"): 2.0}
    eventually(lambda: counted(counters) == logged, what="counted behind the write")
    add(writer)
    eventually(lambda: len(journaled(tmp_path)) == 2 * len(ROWS))
    assert len(journal_paths(tmp_path)) == 1


@pytest.mark.parametrize(
    ("requests", "ends"), [(1, False), (2, True), (3, True)], ids=["n-1", "n", "n+1"]
)
def test_a_file_ends_with_so_many_rows(
    begin: Callable[..., Writer], tmp_path: Path, requests: int, ends: bool
) -> None:
    writer = begin(LONG._replace(rows=4))
    add(writer, requests)

    eventually(lambda: journaled(tmp_path) or filed(tmp_path))
    if ends:
        eventually(lambda: len(filed(tmp_path)) == 2 * requests)
        eventually(lambda: not journal_paths(tmp_path))
    else:
        add(writer, 1)
        eventually(lambda: len(filed(tmp_path)) == 4)


def test_a_file_ends_after_so_many_seconds(begin: Callable[..., Writer], tmp_path: Path) -> None:
    add(begin(LONG._replace(seconds=1)))

    eventually(lambda: len(filed(tmp_path)) == len(ROWS))
    eventually(lambda: not journal_paths(tmp_path))


def test_a_stop_leaves_files(
    begin: Callable[..., Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 60.0)
    writer = begin()
    add(writer)
    writer.close()

    assert len(filed(tmp_path)) == len(ROWS)
    assert not journal_paths(tmp_path)


def test_what_an_ended_process_has_left_becomes_files(
    begin: Callable[..., Writer], tmp_path: Path
) -> None:
    servable = load(penguins())
    write_journal(tmp_path, servable, [answer(servable, ROWS)]).close()
    kept = write_journal(tmp_path, servable, [answer(servable, ROWS)])

    begin()
    eventually(lambda: len(filed(tmp_path)) == len(ROWS))
    eventually(lambda: journal_paths(tmp_path) == [kept.path])
    kept.close()


def test_a_journal_without_rows_is_removed(begin: Callable[..., Writer], tmp_path: Path) -> None:
    Journal.create(tmp_path).close()

    begin()
    eventually(lambda: not journal_paths(tmp_path))
    assert not filed(tmp_path)


def test_a_folder_that_vanishes_loses_rows_that_are_counted_and_comes_back(
    begin: Callable[..., Writer],
    tmp_path: Path,
    counters: Counters,
    caplog: pytest.LogCaptureFixture,
) -> None:
    root = tmp_path / "log"
    writer = begin(root=root)
    add(writer)
    eventually(lambda: journaled(root))
    root.rename(tmp_path / "elsewhere")

    with caplog.at_level(logging.INFO):
        for count in (1, 2, 3):
            add(writer)
            eventually(lambda n=count: counted(counters).get(("lost", "gone")) == 2 * n)
        assert not root.exists()
        assert len([r for r in caplog.records if "rows are lost" in r.message]) == 1
        root.mkdir()
        add(writer)
        eventually(lambda: len(journaled(root)) == len(ROWS))
    again = "the prediction log is written again"
    eventually(lambda: again in caplog.text, what="a line behind the write")
    eventually(lambda: counted(counters)["logged", "penguins", "1"] == 4)


def test_a_full_disk_loses_rows_that_are_counted(
    begin: Callable[..., Writer],
    tmp_path: Path,
    counters: Counters,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    is_full = threading.Event()
    is_full.set()
    append = Journal.append

    def fail(self: Journal, frame: bytes, rows: int) -> None:
        if is_full.is_set():
            raise OSError(28, "No space left on device")
        append(self, frame, rows)

    monkeypatch.setattr(Journal, "append", fail)
    writer = begin()
    add(writer)
    eventually(lambda: counted(counters).get(("lost", "full")) == 2)
    add(writer)
    eventually(lambda: counted(counters).get(("lost", "full")) == 4)
    is_full.clear()
    add(writer)
    eventually(lambda: len(journaled(tmp_path)) == len(ROWS))

    assert caplog.text.count("No space left on device") == 1


def test_a_disk_that_hangs_makes_nobody_wait_and_memory_has_a_limit(
    begin: Callable[..., Writer],
    tmp_path: Path,
    counters: Counters,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_write, hangs = threading.Event(), threading.Event()
    append = Journal.append

    def wait(self: Journal, frame: bytes, rows: int) -> None:
        hangs.set()
        assert may_write.wait(20)
        append(self, frame, rows)

    monkeypatch.setattr(Journal, "append", wait)
    monkeypatch.setattr(module, "MAX_PENDING_BYTES", 3000)
    writer = begin()
    add(writer)
    assert hangs.wait(20)
    for _ in range(100):
        add(writer)
    may_write.set()

    def are_all_counted() -> bool:
        found = counted(counters)
        logged = found.get(("logged", "penguins", "1"), 0)
        return logged + found.get(("lost", "behind"), 0) == 2 * 101

    eventually(are_all_counted)
    assert 0 < len(journaled(tmp_path)) < 100


def test_a_compaction_that_fails_is_logged_and_the_journal_stays(
    begin: Callable[..., Writer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "penguins").write_bytes(b"a file where a folder has to be")
    compactions = Compactions(tmp_path, retry_seconds=0.2)
    writer = begin(LONG._replace(rows=1), compactions=compactions)
    add(writer)

    eventually(lambda: "compaction failed" in caplog.text)
    assert len(journaled(tmp_path)) == len(ROWS)
    (tmp_path / "penguins").unlink()
    eventually(lambda: len(filed(tmp_path)) == len(ROWS))
    eventually(lambda: not journal_paths(tmp_path))
    assert caplog.text.count("compaction failed") == 1


def test_old_days_are_removed_at_the_start(begin: Callable[..., Writer], tmp_path: Path) -> None:
    old: Any = tmp_path / "penguins" / "1" / "date=2020-01-01"
    old.mkdir(parents=True)
    (old / "rows.parquet").write_bytes(b"")

    begin()
    eventually(lambda: not old.exists())


def test_the_folder_is_made_at_the_start_and_never_again(
    begin: Callable[..., Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later, it may be the place of a disk that is not mounted."""
    tidied: list[int] = []
    monkeypatch.setattr(module, "_TIDY_SECONDS", 0.05)
    monkeypatch.setattr(module, "remove_old_days", lambda *_: tidied.append(1))
    root = tmp_path / "new" / "log"
    begin(root=root)
    eventually(root.exists)
    root.rename(tmp_path / "elsewhere")

    before = len(tidied)
    eventually(lambda: len(tidied) >= before + 3)
    assert not root.exists()


def test_rows_that_cannot_be_encoded_are_counted_and_logged_once_while_others_are_written(
    begin: Callable[..., Writer],
    tmp_path: Path,
    counters: Counters,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer = begin()
    with caplog.at_level(logging.INFO):
        for count in (1, 2, 3):
            writer.lose(5, ValueError("wrong"))
            add(writer)
            eventually(lambda n=count: len(journaled(tmp_path)) == n * len(ROWS))
    wanted = {("logged", "penguins", "1"): 6, ("lost", "error"): 15}
    eventually(lambda: counted(counters) == wanted, what="behind the write")
    assert [r.message for r in caplog.records if "prediction log" in r.message] == [
        f"the prediction log in {tmp_path} cannot take some rows, which are lost: wrong"
    ]
