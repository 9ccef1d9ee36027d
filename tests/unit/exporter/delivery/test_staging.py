from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporter.delivery.staging import Stage, next_version
from exporter.errors import PlacementError


def _publish(models: Path, data: bytes = b"model", name: str = "m") -> int:
    with Stage(models) as stage:
        stage.write(data)
        return stage.place(name)


def _left(models: Path) -> list[str]:
    return sorted(str(p.relative_to(models)) for p in models.rglob("*"))


def test_places_versions_one_after_the_other(tmp_path: Path) -> None:
    """Each publication becomes the next version, and nothing else stays."""
    assert [_publish(tmp_path, str(i).encode()) for i in range(3)] == [1, 2, 3]
    assert (tmp_path / "m/2/model.onnx").read_bytes() == b"1"
    assert _left(tmp_path) == ["m", *(f"m/{v}{f}" for v in (1, 2, 3) for f in ("", "/model.onnx"))]


@pytest.mark.parametrize(
    ("entries", "version"),
    [([], 1), (["1", "3"], 4), (["9", "10"], 11), (["007", "x", ".5", "-2", "2.0"], 1), (["1"], 2)],
)
def test_takes_the_highest_integer_entry_as_last(
    tmp_path: Path, entries: list[str], version: int
) -> None:
    """Entries that are no positive integers do not count."""
    for entry in entries:
        (tmp_path / "m" / entry).mkdir(parents=True)
    assert next_version(tmp_path, "m") == version


def test_counts_a_flat_file_as_version_one(tmp_path: Path) -> None:
    """The service serves NAME.onnx as version 1, so a publication must not take that number."""
    (tmp_path / "m.onnx").touch()
    assert _publish(tmp_path) == 2


def test_takes_the_next_version_when_another_publisher_was_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that appears between the look and the rename is not overwritten."""
    real = Path.rename
    calls: list[Path] = []

    def rename(self: Path, target: Path) -> Path:
        if not calls:
            calls.append(target)
            target.mkdir()
            (target / "model.onnx").write_bytes(b"theirs")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert _publish(tmp_path, b"ours") == 2
    assert (tmp_path / "m/1/model.onnx").read_bytes() == b"theirs"
    assert (tmp_path / "m/2/model.onnx").read_bytes() == b"ours"


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_lets_another_user_read_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """The service may run as another user."""
    before = os.umask(umask)
    try:
        _publish(tmp_path)
    finally:
        os.umask(before)
    for path, wanted in (("m", 0o755), ("m/1", 0o755), ("m/1/model.onnx", 0o644)):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) & wanted == wanted


def test_creates_the_models_folder_but_not_its_parents(tmp_path: Path) -> None:
    """A mistyped path is an error rather than a new tree."""
    assert _publish(tmp_path / "models") == 1
    with pytest.raises(PlacementError, match=r"parent folder does not exist.*EXPORTER_MODELS_DIR"):
        _publish(tmp_path / "mistyped" / "models")


def test_names_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    """Neither the models folder nor the model's folder may be a file."""
    (tmp_path / "file").touch()
    with pytest.raises(PlacementError, match="it is not a folder"):
        _publish(tmp_path / "file")
    (tmp_path / "m").touch()
    with pytest.raises(PlacementError, match="a file where the model's folder should be"):
        _publish(tmp_path)
    assert _left(tmp_path) == ["file", "m"]


def test_explains_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to do, and nothing is left."""
    monkeypatch.setattr(Path, "mkdir", _refuse(errno.EACCES))
    with pytest.raises(PlacementError, match="you may not write there"):
        _publish(tmp_path)
    assert _left(tmp_path) == []


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_leaves_nothing_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever call hits the end of the disk, the folder is as before."""
    if step == "write":
        monkeypatch.setattr(Path, "open", _refuse(errno.ENOSPC))
    elif step == "fsync":
        monkeypatch.setattr(os, "fsync", _refuse(errno.ENOSPC))
    else:
        monkeypatch.setattr(Path, "rename", _refuse(errno.ENOSPC))
    with pytest.raises(PlacementError, match="the disk is full"):
        _publish(tmp_path)
    assert _left(tmp_path) == []


def test_leaves_nothing_when_the_file_exceeds_what_the_process_may_write(tmp_path: Path) -> None:
    """A real refusal by the kernel, half-way through the file."""
    script = (
        "import resource, signal, sys, pathlib\n"
        "from exporter.delivery.staging import Stage\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "with Stage(pathlib.Path(sys.argv[1])) as stage:\n"
        "    stage.write(bytes(100_000))\n"
        "    stage.place('m')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "larger than this process may write" in done.stderr
    assert _left(tmp_path) == []


def test_leaves_nothing_on_a_real_full_disk(tmp_path: Path) -> None:
    """On a filesystem of 64 KiB, a file of 1 MiB does not fit and does not stay."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        # RLIMIT_FSIZE above shows the same without the right to mount.
        with pytest.raises(PlacementError):
            _publish_with_small_limit(disk)
        assert _left(disk) == []
        return
    try:
        with pytest.raises(PlacementError, match="the disk is full"):
            _publish(disk, bytes(1_000_000))
        assert _left(disk) == []
        assert _publish(disk, b"small") == 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _publish_with_small_limit(models: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        _publish(models, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_leaves_nothing_when_interrupted(tmp_path: Path) -> None:
    """Stopping the cell in the middle is a failure like any other."""

    def publish_and_interrupt() -> None:
        with Stage(tmp_path) as stage:
            stage.write(b"model")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_and_interrupt()
    assert _left(tmp_path) == []


def test_sweeps_what_a_killed_publisher_left_a_day_ago(tmp_path: Path) -> None:
    """Old stages go, young ones may be somebody's at work."""
    old, young = tmp_path / ".publish-old", tmp_path / ".publish-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (time.time() - 90_000,) * 2)
    _publish(tmp_path)
    assert not old.exists()
    assert young.exists()


def _refuse(number: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail
