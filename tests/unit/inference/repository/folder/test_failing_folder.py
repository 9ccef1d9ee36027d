"""A disk or a mount that fails removes no model."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from inference.repository.folder.changes import Changes, look_for_changes
from inference.repository.folder.models_folder import ModelsFolder


@pytest.mark.parametrize("call", ["stat", "is_dir", "scandir"])
@pytest.mark.parametrize("place", ["m/1/model.onnx", "m.onnx"])
def test_a_look_that_fails_removes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    place: str,
) -> None:
    """A disk or a mount that fails says nothing about what is there."""
    before = Changes()
    for path in (tmp_path / place, tmp_path / "other/1/model.onnx"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    before = look_for_changes(ModelsFolder(tmp_path), before, 0)
    assert before.found.keys() == {("m", 1), ("other", 1)}
    with monkeypatch.context() as broken:
        break_looks(broken, call)
        during = look_for_changes(ModelsFolder(tmp_path), before, 0)
    assert during.found == before.found
    assert not during.new
    assert not during.gone
    after = look_for_changes(ModelsFolder(tmp_path), during, 0)
    assert (after.found, after.new, after.gone) == (before.found, [], [])
    (tmp_path / place).unlink()
    assert look_for_changes(ModelsFolder(tmp_path), after, 0).gone == [("m", 1)]
    if during.scan.unseen:
        assert during.warning == "cannot look at m; what is live stays live"
        assert "Input/output error" in during.scan.ignored[0].reason


def test_a_version_that_cannot_be_looked_at_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a start too, when nothing is known of the versions below it."""
    for version in (1, 2, 3):
        path = tmp_path / f"m/{version}/model.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    stat = Path.stat

    def refused(path: Path, **more: Any) -> os.stat_result:
        if "2" in path.parts:
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", refused)
    seen = look_for_changes(ModelsFolder(tmp_path), Changes(), 0)
    assert seen.found.keys() == {("m", 1), ("m", 3)}
    (ignored,) = seen.scan.ignored
    assert (ignored.path, ignored.reason) == ("m/2", "it cannot be read: Permission denied")
    assert seen.warning == "cannot look at m; what is live stays live"


def break_looks(broken: pytest.MonkeyPatch, call: str) -> None:
    """Let looks at what belongs to the model ``m`` fail, as a broken disk does."""
    stat, scandir = Path.stat, os.scandir

    def is_broken(path: object) -> bool:
        return any(part in ("m", "m.onnx") for part in Path(str(path)).parts)

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path, self._entry = entry.name, entry.path, entry

        def is_dir(self) -> bool:
            if is_broken(self.path):
                raise OSError(errno.EIO, "Input/output error")
            return self._entry.is_dir()

    def broken_stat(path: Path, **more: Any) -> os.stat_result:
        if is_broken(path):
            raise OSError(errno.EIO, "Input/output error")
        return stat(path, **more)

    def broken_scandir(path: Path) -> list[Any]:
        if call == "scandir" and is_broken(path):
            raise OSError(errno.EIO, "Input/output error")
        return [Entry(e) if call == "is_dir" else e for e in scandir(path)]

    broken.setattr(os, "scandir", broken_scandir)
    if call == "stat":
        broken.setattr(Path, "stat", broken_stat)
