"""A file is opened once, only if it is one, and read no further than it said."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference.admission.files import contents
from inference.admission.files.contents import ChangedError, fill, make_memory, read_contents
from inference.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


@pytest.fixture
def memory() -> Iterator[int]:
    made = make_memory()
    yield made
    os.close(made)


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])
def test_what_is_read_is_what_was_there(path: Path, size: int) -> None:
    data = os.urandom(size)
    path.write_bytes(data)
    with read_contents(path, size) as read:
        assert read.data() == data == bytes(read.view())
        assert read.digest == hashlib.sha256(data).hexdigest()
        assert read.size_bytes == size
        assert Path(read.path).read_bytes() == data


@pytest.mark.parametrize(("size", "taken"), [(99, True), (100, True), (101, False)])
def test_a_file_above_the_limit_is_refused_unread(path: Path, size: int, taken: bool) -> None:
    path.write_bytes(bytes(size))
    if taken:
        read_contents(path, 100).close()
    else:
        with pytest.raises(ArtifactError, match=r"it has 101 bytes, .*INFERENCE_MAX_MODEL_BYTES"):
            read_contents(path, 100)


def test_a_sparse_file_takes_no_memory_when_it_is_refused(path: Path, memory: int) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(ArtifactError, match="4,398,046,511,104 bytes"):
        fill(memory, path, 1 << 32)
    assert os.fstat(memory).st_size == 0


def test_what_was_read_can_never_change(path: Path) -> None:
    path.write_bytes(b"model")
    with read_contents(path, 100) as read:
        for change in (
            lambda: os.pwrite(read.descriptor, b"x", 0),
            lambda: os.ftruncate(read.descriptor, 1),
            lambda: os.ftruncate(read.descriptor, 100),
            lambda: fcntl.fcntl(read.descriptor, fcntl.F_ADD_SEALS, 0),
            lambda: mmap.mmap(read.descriptor, 0),
        ):
            with pytest.raises(OSError, match=r"Operation not permitted|Permission denied"):
                change()
        with Path(read.path).open("rb") as again:
            assert again.read() == b"model"


# -- what is no file -------------------------------------------------------------------------------


def _make_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place))


NO_FILES: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": _make_socket,
    "endless device": lambda place: place.symlink_to("/dev/zero"),
    "empty device": lambda place: place.symlink_to("/dev/null"),
    "terminal": lambda place: place.symlink_to("/dev/tty"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_not_opened(path: Path, kind: str) -> None:
    NO_FILES[kind](path)
    with pytest.raises(ChangedError):
        read_contents(path, MIB)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda _: None, FileNotFoundError),
        (lambda place: place.mkdir(), IsADirectoryError),
        (lambda place: place.symlink_to(place.name), OSError),
        (lambda place: place.symlink_to("nowhere"), FileNotFoundError),
    ],
    ids=["missing", "folder", "loop", "dangling"],
)
def test_what_cannot_be_read_says_so(
    path: Path, make: Callable[[Path], None], error: type[OSError]
) -> None:
    make(path)
    with pytest.raises(error) as raised:
        read_contents(path, MIB)
    assert raised.value.strerror


def test_a_file_of_the_kernels_is_read_no_further_than_it_says(path: Path) -> None:
    """``/proc`` says of its files that they are empty, and gives more."""
    path.symlink_to("/proc/self/environ")
    with read_contents(path, MIB) as read:
        assert read.data() == b""


def test_links_are_followed_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    (tmp_path / "..2026_11").mkdir()
    (tmp_path / "..2026_11" / "model.onnx").write_bytes(b"model")
    (tmp_path / "..data").symlink_to("..2026_11")
    (tmp_path / "model.onnx").symlink_to("..data/model.onnx")
    with read_contents(tmp_path / "model.onnx", 100) as read:
        assert read.data() == b"model"


# -- what changes meanwhile ------------------------------------------------------------------------


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other")


@pytest.mark.parametrize(
    "change",
    [_grow, _overwrite, lambda path: os.truncate(path, MIB + 1), lambda path: os.truncate(path, 0)],
    ids=["grows", "overwritten", "shrinks", "emptied"],
)
def test_a_file_that_changes_while_it_is_read_is_not_taken(
    path: Path, memory: int, change: Callable[[Path], None]
) -> None:
    path.write_bytes(bytes(4 * MIB))
    os.utime(path, (1, 1))
    pieces = iter(range(100))

    def between() -> None:
        if next(pieces) == 2:
            change(path)

    with pytest.raises(ChangedError):
        fill(memory, path, 1 << 32, between)
    assert os.fstat(memory).st_size <= 4 * MIB


@pytest.mark.parametrize("other", ["/dev/zero", "pipe", "folder"])
def test_a_name_that_flips_between_a_file_and_something_else_never_hangs(
    tmp_path: Path, other: str
) -> None:
    path, good = tmp_path / "model.onnx", tmp_path / "good"
    good.write_bytes(b"model")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    path.symlink_to(good)
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            for target in (tmp_path / other, good):
                (tmp_path / "next").symlink_to(target)
                (tmp_path / "next").replace(path)

    flipping = threading.Thread(target=flip)
    flipping.start()
    outcomes: set[bytes | None] = set()
    try:
        for _ in range(500):
            try:
                with read_contents(path, MIB) as read:
                    outcomes.add(read.data())
            except (ChangedError, IsADirectoryError):
                outcomes.add(None)
    finally:
        stop.set()
        flipping.join()
    assert outcomes <= {b"model", None}


def test_no_descriptor_is_left_behind(path: Path) -> None:
    path.write_bytes(b"model")
    before = len(list(Path("/proc/self/fd").iterdir()))
    read_contents(path, 100).close()
    with pytest.raises(ArtifactError):
        read_contents(path, 1)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ChangedError):
        read_contents(path, 1)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_what_the_kernel_gives_in_pieces_is_put_together(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_MOST_AT_ONCE", 3)
    path.write_bytes(b"0123456789")
    with read_contents(path, 100) as read:
        assert read.data() == b"0123456789"
