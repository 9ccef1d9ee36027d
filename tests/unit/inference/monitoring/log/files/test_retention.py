"""Days are removed when the retention time is over, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from inference.monitoring.log.files.retention import remove_old_days

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC).timestamp()
DAYS = ["2026-03-01", "2026-02-28", "2026-02-27", "2025-12-31"]


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "rows.parquet").write_bytes(b"")
    (folder / ".rows.index").write_bytes(b"")
    return folder


@pytest.mark.parametrize(("days", "kept"), [(0, 4), (1, 2), (2, 3), (59, 3), (60, 4)])
def test_keeps_today_and_so_many_days_before(tmp_path: Path, days: int, kept: int) -> None:
    for day in DAYS:
        put(tmp_path / "model" / "1" / f"date={day}")
        put(tmp_path / "model" / "1" / "feedback" / f"date={day}")

    removed = remove_old_days(tmp_path, days, NOW)

    for folder in (tmp_path / "model" / "1", tmp_path / "model" / "1" / "feedback"):
        assert {path.name for path in folder.glob("date=*")} == {f"date={d}" for d in DAYS[:kept]}
    assert removed == 2 * (len(DAYS) - kept)


def test_removes_folders_that_have_become_empty(tmp_path: Path) -> None:
    put(tmp_path / "old" / "1" / "date=2020-01-01")
    put(tmp_path / "model" / "1" / "date=2020-01-01")
    put(tmp_path / "model" / "2" / "date=2026-03-01")

    remove_old_days(tmp_path, 1, NOW)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_dir()) == [
        "2", "date=2026-03-01", "model",
    ]  # fmt: skip


def test_leaves_alone_what_the_log_did_not_make(tmp_path: Path) -> None:
    others = [
        tmp_path / "model" / "1" / "date=never",
        tmp_path / "model" / "notes" / "date=2020-01-01",
        tmp_path / ".hidden" / "1" / "date=2020-01-01",
        tmp_path / "model" / "1" / "2020-01-01",
    ]
    for folder in others:
        put(folder)
    outside = put(tmp_path.parent / f"{tmp_path.name}-outside")
    (tmp_path / "model" / "1" / "date=2020-01-02").symlink_to(outside)

    remove_old_days(tmp_path, 1, NOW)
    assert all((folder / "rows.parquet").exists() for folder in (*others, outside))
