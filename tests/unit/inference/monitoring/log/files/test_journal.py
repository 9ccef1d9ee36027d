"""A journal outlives its process, and belongs to one process at a time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from inference.monitoring.log.files.journal import Journal, abandoned, journal_paths
from inference.monitoring.log.rows.frames import encode_frame, read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = encode_frame("a", 1, [b"x" * 100])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create(tmp_path)
    yield journal
    journal.close()


def test_frames_are_in_the_file_as_soon_as_they_are_appended(journal: Journal) -> None:
    journal.append(FRAME, 1)
    journal.append(FRAME, 2)

    assert journal.path.read_bytes() == FRAME * 2
    assert journal.rows == 3


def test_a_journal_in_use_is_not_abandoned(journal: Journal, tmp_path: Path) -> None:
    assert journal_paths(tmp_path) == [journal.path]
    assert not list(abandoned(tmp_path))


def test_a_closed_journal_is_taken_over_once(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    journal.append(FRAME, 1)
    journal.close()

    (taken,) = abandoned(tmp_path)
    assert taken.path == journal.path
    assert not list(abandoned(tmp_path)), "this process has it now"
    taken.remove()
    assert not journal_paths(tmp_path)


def test_the_journal_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    """The lock goes with the process, and what it appended stays."""
    program = f"""
from pathlib import Path
from inference.monitoring.log.files.journal import Journal
journal = Journal.create(Path({str(tmp_path)!r}))
journal.append({FRAME!r}, 1)
print("appended", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"appended\n"
        assert not list(abandoned(tmp_path))
        process.send_signal(signal.SIGKILL)
        process.wait(20)

    (taken,) = abandoned(tmp_path)
    assert len(list(read_frames(memoryview(taken.path.read_bytes())))) == 1
    taken.close()


def test_a_frame_that_does_not_fit_is_not_in_the_file_at_all(journal: Journal) -> None:
    journal.append(FRAME, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(FRAME) + 50, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.append(FRAME, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)

    assert journal.path.read_bytes() == FRAME
    journal.append(FRAME, 1)
    assert journal.path.read_bytes() == FRAME * 2


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_appended_to_a_file_that_was_removed(journal: Journal, replaced: bool) -> None:
    journal.path.unlink()
    if replaced:
        journal.path.write_bytes(b"")

    with pytest.raises(FileNotFoundError):
        journal.append(FRAME, 1)


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    """It may be the place of a file system that is not mounted."""
    with pytest.raises(FileNotFoundError):
        Journal.create(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_what_is_left_of_a_failed_creation_is_no_journal(tmp_path: Path) -> None:
    Journal.create(tmp_path).remove()
    (tmp_path / ".journal" / ".0123456789ab").write_bytes(b"")

    assert not journal_paths(tmp_path)
    assert not list(abandoned(tmp_path))


def test_others_cannot_read_a_journal(journal: Journal) -> None:
    assert os.stat(journal.path).st_mode & 0o007 == 0  # noqa: PTH116
