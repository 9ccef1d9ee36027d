from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from inference.admission.report import Report
from inference.admission.report_cache import ReportCache
from support.repository_harness import scenario

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "ab" * 32
REPORT = Report(admitted=True, digest=DIGEST, cost_us={1: 5.0, 128: 9.0}, threads=2)


def test_a_report_outlives_the_process(tmp_path: Path) -> None:
    ReportCache(tmp_path / "reports").put(REPORT)
    assert ReportCache(tmp_path / "reports").get(DIGEST) == REPORT
    assert ReportCache(tmp_path / "reports").get("cd" * 32) is None


@pytest.mark.parametrize("package", ["inference", "onnxruntime"])
def test_a_report_of_other_versions_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    ReportCache(tmp_path).put(REPORT)
    monkeypatch.setattr(
        "inference.admission.report_cache.version", lambda name: "9" if name == package else "1"
    )
    later = ReportCache(tmp_path)
    assert later.get(DIGEST) is None
    later.put(REPORT)
    assert ReportCache(tmp_path).get(DIGEST) == REPORT


def test_what_was_refused_is_examined_again_where_more_memory_is_allowed(tmp_path: Path) -> None:
    refused = Report(admitted=False, digest=DIGEST, reason="it needs more memory")
    ReportCache(tmp_path, 1000).put(refused)
    assert ReportCache(tmp_path, 1001).get(DIGEST) is None
    assert ReportCache(tmp_path, 1000).get(DIGEST) == refused
    assert ReportCache(tmp_path, 999).get(DIGEST) == refused
    assert ReportCache(tmp_path).get(DIGEST) == refused
    ReportCache(tmp_path, 1000).put(REPORT)
    assert ReportCache(tmp_path, 1001).get(DIGEST) == REPORT


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"made_by": "x"}', b"null"])
def test_a_corrupt_file_is_no_report(tmp_path: Path, content: bytes) -> None:
    ReportCache(tmp_path).put(REPORT)
    (tmp_path / f"{DIGEST}.json").write_bytes(content)
    reports = ReportCache(tmp_path)
    assert reports.get(DIGEST) is None
    reports.put(REPORT)
    assert ReportCache(tmp_path).get(DIGEST) == REPORT


def test_a_report_under_another_name_is_not_believed(tmp_path: Path) -> None:
    ReportCache(tmp_path).put(REPORT)
    other = "cd" * 32
    (tmp_path / f"{DIGEST}.json").rename(tmp_path / f"{other}.json")
    assert ReportCache(tmp_path).get(other) is None


@scenario
async def test_a_folder_that_cannot_be_written_costs_no_more_than_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    reports = ReportCache(tmp_path / "file" / "reports")  # not even root can make it
    async with reports.turn(DIGEST, 60):
        reports.put(REPORT)
    assert reports.get(DIGEST) == REPORT


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.admission.report_cache._KEPT", 3)
    reports = ReportCache(tmp_path)
    digests = [f"{n:064d}" for n in range(6)]
    for age, digest in enumerate(digests):
        reports.put(Report(admitted=True, digest=digest))
        os.utime(tmp_path / f"{digest}.json", (age, age))
    assert {path.stem for path in tmp_path.glob("*.json")} == set(digests[-3:])
    assert len(reports._known) == 3
    assert not list(tmp_path.glob("*.tmp"))


@scenario
async def test_one_content_is_one_turn_at_a_time(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def wait_for_turn() -> None:
        async with ReportCache(tmp_path).turn(DIGEST, 60):  # as another process
            entered.set()

    async with ReportCache(tmp_path).turn(DIGEST, 60):
        waiting = asyncio.create_task(wait_for_turn())
        async with ReportCache(tmp_path).turn("cd" * 32, 60):
            pass  # another content does not wait
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(entered.wait(), 0.2)
    await waiting
    assert entered.is_set()


@scenario
async def test_a_turn_that_does_not_come_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that is stopped keeps its lock for ever."""
    first, second = ReportCache(tmp_path), ReportCache(tmp_path)
    async with asyncio.timeout(30), first.turn(DIGEST, 60), second.turn(DIGEST, 0.1):
        pass
    assert "without a lock: another process has held it for over 0.1 s" in caplog.text


@scenario
async def test_without_locks_everyone_has_a_turn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    async with asyncio.timeout(30), ReportCache(tmp_path).turn(DIGEST, 60):
        assert "without a lock: No locks available" in caplog.text
