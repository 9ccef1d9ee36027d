from __future__ import annotations

import errno
import os
import resource
import select
from typing import TYPE_CHECKING

import pytest

from inference.runtime.inotify import Inotify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def inotify() -> Iterator[Inotify]:
    with Inotify() as made:
        yield made


def _is_readable(inotify: Inotify) -> bool:
    return bool(select.select([inotify], [], [], 0)[0])


def test_only_what_is_watched_is_told(tmp_path: Path, inotify: Inotify) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    inotify.watch([tmp_path / "a"])
    (tmp_path / "b" / "file").touch()
    assert not _is_readable(inotify)
    (tmp_path / "a" / "file").touch()
    assert _is_readable(inotify)
    inotify.drain()
    assert not _is_readable(inotify)
    inotify.watch([tmp_path / "b"])
    inotify.drain()
    (tmp_path / "a" / "file").unlink()
    assert not _is_readable(inotify)
    (tmp_path / "b" / "file").unlink()
    assert _is_readable(inotify)


def test_to_look_is_no_change(tmp_path: Path, inotify: Inotify) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    inotify.watch([tmp_path])
    assert file.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
    assert not _is_readable(inotify)


def test_each_folder_is_watched_before_the_next_is_asked_for(
    tmp_path: Path, inotify: Inotify
) -> None:
    def folders() -> Iterator[Path]:
        yield tmp_path
        (tmp_path / "new").mkdir()
        assert _is_readable(inotify)
        yield tmp_path / "new"

    inotify.watch(folders())


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_the_first_folder_has_to_be_one_and_others_may_have_gone(
    tmp_path: Path, inotify: Inotify, kind: str
) -> None:
    path = tmp_path / "path"
    if kind == "file":
        path.touch()
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        inotify.watch([path])
    inotify.watch([tmp_path, path])
    (tmp_path / "other").touch()
    assert _is_readable(inotify)


def test_a_limit_is_named(
    tmp_path: Path, inotify: Inotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match=r"limit fs\.inotify\.max_user_instances") as caught:
            Inotify()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EMFILE
    monkeypatch.setattr("ctypes.get_errno", lambda: errno.ENOSPC)
    with pytest.raises(OSError, match=r"limit fs\.inotify\.max_user_watches is reached"):
        inotify.watch([tmp_path, tmp_path / "missing"])
