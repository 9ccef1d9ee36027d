"""Journals become files, whole or not at all, and once."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from inference.monitoring.columns import ServedTable
from inference.monitoring.log.files import compaction, parquet
from inference.monitoring.log.files.compaction import compact
from inference.monitoring.log.files.journal import Journal
from inference.monitoring.log.rows.encoder import RowEncoder, requests_of
from inference.monitoring.log.rows.logged_rows import encode_schema
from inference.monitoring.served import ServedBatch
from support.answers.kinds import ROWS, kinds
from support.models.artifacts import mixed, penguins
from support.monitoring.logged import answer, encode, filed, journaled, load, write_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inference.model.contract import Scalar
    from inference.monitoring.served import Handed

MIXED_ROWS: list[list[Scalar]] = [
    [None, 4, True, "Dream", None],
    [3.5, -1, False, "Biscoe", "ü\"'"],
]


def at(handed: Handed, moment: datetime) -> Handed:
    """Move an answer to another time."""
    clock = time.time() - time.perf_counter()
    handed[1].done = moment.timestamp() - clock
    handed[1].started = handed[1].done - 0.25
    return handed


@pytest.mark.parametrize("name", ["mixed", "penguins", *kinds()])
def test_files_have_what_the_journal_has(name: str, tmp_path: Path) -> None:
    data = {"mixed": mixed(), "penguins": penguins(), **kinds()}[name]
    servable = load(data, name)
    rows: Sequence[Sequence[Scalar]] = MIXED_ROWS if name == "mixed" else ROWS
    noon = datetime.now(UTC).replace(hour=12)  # not the moment before another day
    handed = [answer(servable, rows), answer(servable, rows[:1], b"other", "key")]
    journal = write_journal(tmp_path, servable, [at(each, noon) for each in handed])

    (path,) = compact(tmp_path, journal.path)

    written = filed(tmp_path)
    fixed = {"time", "version", "digest", "latency_ms"}
    assert [{k: v for k, v in row.items() if k not in fixed} for row in written] == journaled(
        tmp_path
    )
    assert {(row["version"], row["digest"]) for row in written} == {(1, servable.digest)}
    assert list(written[0])[:7] == [
        "time", "request_id", "row", "version", "digest", "key_id", "latency_ms",
    ]  # fmt: skip
    day = datetime.now(UTC).date()
    assert path.parent == tmp_path / name / "1" / f"date={day}"
    journal.close()


def test_a_compaction_that_is_repeated_adds_nothing(tmp_path: Path) -> None:
    servable = load(penguins())
    journal = write_journal(tmp_path, servable, [answer(servable, ROWS)])
    first = compact(tmp_path, journal.path)

    assert compact(tmp_path, journal.path) == first
    assert len(filed(tmp_path)) == len(ROWS)
    journal.close()


def test_an_interrupted_compaction_leaves_no_visible_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    servable = load(penguins())
    journal = write_journal(tmp_path, servable, [answer(servable, ROWS)])
    monkeypatch.setattr(parquet, "write_parquet", fail)

    with pytest.raises(OSError, match="No space"):
        compact(tmp_path, journal.path)
    assert not list(tmp_path.rglob("*.parquet"))
    assert not list(tmp_path.rglob("*.tmp"))
    journal.close()


def test_what_a_killed_compaction_has_left_is_removed(tmp_path: Path) -> None:
    servable = load(penguins())
    journal = write_journal(tmp_path, servable, [answer(servable, ROWS)])
    (path,) = compact(tmp_path, journal.path)
    left = path.with_name(f".{path.stem}.12345.tmp")
    others = path.with_name(".000000-other-journal.12345.tmp")  # may be written at this moment
    path.rename(left)
    others.write_bytes(b"half")

    compact(tmp_path, journal.path)
    assert not left.exists()
    assert others.exists()
    assert len(filed(tmp_path)) == len(ROWS)
    journal.close()


class Panic(BaseException):
    """What Rust's libraries raise, which is no ``Exception``."""


def test_what_cannot_be_filed_does_not_hold_up_other_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic_once(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise Panic

    journal = Journal.create(tmp_path)
    for name in ("first", "second", "third"):
        servable = load(penguins(), name)
        encoder, frame = encode(servable, [answer(servable, ROWS)])
        journal.append(encode_schema(encoder.schema) + frame, len(ROWS))
    monkeypatch.setattr(parquet, "write_parquet", panic_once)

    with pytest.raises(Panic):
        compact(tmp_path, journal.path)
    assert sorted(p.parts[-4] for p in tmp_path.rglob("*.parquet")) == ["second", "third"]
    assert not list(tmp_path.rglob("*.tmp"))
    assert len(compact(tmp_path, journal.path)) == 3, "it is tried again"
    journal.close()


def test_rows_around_midnight_are_in_the_files_of_their_days(tmp_path: Path) -> None:
    servable = load(penguins())
    before = datetime(2026, 3, 1, 23, 59, 59, 900_000, tzinfo=UTC)
    after = datetime(2026, 3, 2, 0, 0, 0, 100_000, tzinfo=UTC)
    handed = [at(answer(servable, ROWS, b"a"), before), at(answer(servable, ROWS, b"b"), after)]
    journal = write_journal(tmp_path, servable, handed)

    paths = compact(tmp_path, journal.path)

    assert [path.parent.name for path in paths] == ["date=2026-03-01", "date=2026-03-02"]
    assert [row["request_id"] for row in filed(tmp_path)] == ["a", "a", "b", "b"]
    times = [row["time"].astimezone(UTC) for row in filed(tmp_path)]
    assert abs((times[0] - before).total_seconds()) < 0.01
    assert filed(tmp_path)[0]["latency_ms"] == pytest.approx(250)
    journal.close()


def test_rows_of_the_last_fraction_of_a_microsecond_of_a_day_are_not_lost(tmp_path: Path) -> None:
    """Both files would have the same name, if the first were rounded to the next day."""
    midnight = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    servable = load(penguins())
    journal = Journal.create(tmp_path)
    encoder = RowEncoder(servable, ())
    frames = [encode_schema(encoder.schema)]
    for time_of in (midnight - 2**-22, midnight + 0.5):
        table = ServedTable(servable, ServedBatch([answer(servable, ROWS)]))
        frames.append(encoder.encode(table, requests_of(table)._replace(times=[time_of])))
    journal.append(b"".join(frames), 2 * len(ROWS))

    paths = compact(tmp_path, journal.path)
    assert [path.parent.name for path in paths] == ["date=2026-03-01", "date=2026-03-02"]
    assert len(filed(tmp_path)) == 2 * len(ROWS)
    journal.close()


def test_versions_and_replaced_artifacts_have_files_of_their_own(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    for servable in (load(penguins(0)), load(penguins(1)), load(penguins(0), version=2)):
        encoder, frame = encode(servable, [answer(servable, ROWS)])
        journal.append(encode_schema(encoder.schema) + frame, 2)

    paths = compact(tmp_path, journal.path)
    assert [path.parent.parent.name for path in paths] == ["1", "1", "2"]
    assert len(set(paths)) == 3
    assert len(filed(tmp_path)) == 6
    journal.close()


def test_the_rows_before_a_torn_frame_are_kept(tmp_path: Path) -> None:
    servable = load(penguins())
    journal = write_journal(tmp_path, servable, [answer(servable, ROWS)])
    with journal.path.open("ab") as file:
        file.write(encode(servable, [answer(servable, ROWS)])[1][:-1])

    compact(tmp_path, journal.path)
    assert len(filed(tmp_path)) == len(ROWS)
    journal.close()


def test_the_command_says_what_the_system_refuses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", compaction.__name__, str(tmp_path), str(tmp_path / "no")]

    assert subprocess.run(command, check=False).returncode == errno.ENOENT
