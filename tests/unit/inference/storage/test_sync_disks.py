"""Copies on disks that are full, fail or are changed by others."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inference.storage.copies import Download
from support.dispatcher_harness import scenario

if TYPE_CHECKING:
    from support.storage.object_stores import SyncBench


@scenario
async def test_a_full_disk_fails_one_copy_and_leaves_nothing(
    bench: SyncBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Download, "write", fail)
    await bench.put("a", 1)
    failures = (await bench.run()).failures
    assert failures == ["a version 1: it cannot be written: No space left on device"]
    assert bench.here == set()
    assert not list((bench.folder / ".sync").glob("in-*"))


@pytest.mark.parametrize("call", ["rename", "stat"])
@scenario
async def test_a_copy_is_removed_once_its_file_system_lets_it(
    bench: SyncBench, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    await bench.put("a", 1, 2)
    await bench.run()
    await bench.delete("a", 1)
    works = getattr(Path, call)

    def fail(path: Path, *given: Any, **more: Any) -> Any:
        if "1" in path.parts:
            raise OSError(errno.EIO, "Input/output error")
        return works(path, *given, **more)

    with monkeypatch.context() as broken:
        broken.setattr(Path, call, fail)
        await bench.run()
    await bench.run()
    assert bench.here == {("a", 2)}


@scenario
async def test_what_a_killed_process_left_is_removed_and_copied_again(bench: SyncBench) -> None:
    await bench.put("a", 1)
    left = bench.folder / ".sync" / "in-killed"
    left.mkdir()
    (left / "model.onnx").write_bytes(b"half")
    bench.restart()
    assert (await bench.run()).copied == [("a", 1)]
    assert not left.exists()


@scenario
async def test_a_copy_that_someone_removes_during_a_pass_does_not_end_it(bench: SyncBench) -> None:
    bench.admit(("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1))
    await bench.put("a", 1, 2)
    await bench.put("b", 1)
    await bench.put("c", 1)
    await bench.run()
    await bench.put("a", 3, 4)
    bench.admit(("a", 4))
    await bench.run()
    await bench.delete("b", 1)

    def remove_copies(*_: object) -> None:
        for folder in ("a/3", "b/1"):
            shutil.rmtree(bench.folder / folder, ignore_errors=True)

    await bench.put("a", 5, 6)
    bench.admit(("a", 5), ("a", 6))
    place = bench.copies.place

    def place_and_remove(*given: Any) -> None:
        place(*given)
        remove_copies()

    bench.copies.place = place_and_remove  # type: ignore[assignment,method-assign]
    await bench.run()
    done = await bench.run()
    assert done.failures == []
    assert bench.here == {("a", 5), ("a", 6), ("c", 1)}
