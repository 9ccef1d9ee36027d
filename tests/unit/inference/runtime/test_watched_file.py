"""A watched file is read again whenever its content may be another."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from inference.access.key_store import KeyStore
from inference.runtime import watched_file as module
from inference.runtime.watched_file import WatchedFile
from support.service.process import eventually

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    return path


def make_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass, so that what was written is older than any clock's tick."""
    later = time.time_ns() + 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert path.exists()


def test_it_is_read_once_and_when_it_has_changed(path: Path) -> None:
    file = WatchedFile(path, bytes)
    assert file.read_if_changed() == b"one"
    assert file.read_if_changed() is None
    path.write_bytes(b"three")
    assert file.read_if_changed() == b"three"
    assert file.read_if_changed() is None


def test_a_change_within_one_tick_of_the_clock_is_seen(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stat says: here it says the same for every content."""
    same = path.stat()
    monkeypatch.setattr(os, "stat", lambda _: same)
    monkeypatch.setattr(os, "fstat", lambda _: same)
    file = WatchedFile(path, bytes)
    assert file.read_if_changed() == b"one"
    for content in (b"two", b"six", b"one"):
        path.write_bytes(content)
        assert file.read_if_changed() == content
        assert file.read_if_changed() is None


def test_a_change_behind_the_back_of_the_time_of_modification_is_seen(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inode, size and time of modification stay equal; nothing is read that is as it was."""
    file = WatchedFile(path, bytes)
    make_old(path, monkeypatch)
    before = path.stat()
    assert file.read_if_changed() == b"one"
    reads: list[str] = []
    read = module._read
    monkeypatch.setattr(module, "_read", lambda path: (reads.append(path), read(path))[1])
    assert file.read_if_changed() is None
    assert reads == [], "what is old is a stat"
    with path.open("r+b") as opened:
        opened.write(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
    assert file.read_if_changed() == b"two"


def test_a_clock_that_was_set_back_makes_nothing_worse(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    file = WatchedFile(path, bytes)
    assert file.read_if_changed() == b"one"
    assert file.read_if_changed() is None
    path.write_bytes(b"three")
    assert file.read_if_changed() == b"three"


def test_what_could_not_be_read_is_read_as_soon_as_it_can(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = WatchedFile(path, bytes)
    make_old(path, monkeypatch)
    assert file.read_if_changed() == b"one"
    path.unlink()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            file.read_if_changed()
    path.write_bytes(b"one")
    assert file.read_if_changed() == b"one"


def test_a_read_that_fails_half_way_is_repeated(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = WatchedFile(path, bytes)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fstat", _fail)
        with pytest.raises(OSError, match="broken"):
            file.read_if_changed()
    assert file.read_if_changed() == b"one"


def _fail(_: object) -> os.stat_result:
    raise OSError(errno.EIO, "broken")


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "other"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="regular file"):
        WatchedFile(path, bytes).read_if_changed()


@pytest.mark.parametrize(("more", "refused"), [(-1, False), (0, False), (1, True)])
def test_no_more_than_the_limit_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, more: int, *, refused: bool
) -> None:
    monkeypatch.setattr(module, "LARGEST_BYTES", 3 - more)
    if refused:
        with pytest.raises(OSError, match="larger than"):
            WatchedFile(path, bytes).read_if_changed()
    else:
        assert WatchedFile(path, bytes).read_if_changed() == b"one"


def test_a_revoked_key_is_refused_although_the_file_looks_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    (first, line), (second, other) = (make_key("abc", ["predict"]) for _ in range(2))
    path.write_text(line)
    keys = KeyStore(path)
    before = path.stat()
    assert keys.find(first.encode())
    with path.open("r+") as file:
        file.write(other)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    eventually(lambda: keys.find(first.encode()) is None, what="the key is revoked", every=0.001)
    assert keys.find(second.encode())
