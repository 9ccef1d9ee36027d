"""Models that vanish all at once are held for a while; those that are deleted are not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from inference.repository.folder.changes import Changes, look_for_changes
from inference.repository.folder.models_folder import ModelsFolder
from support.repository_harness import Bench, live, note, scenario

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "1" / "model.onnx").write_bytes(name.encode())


def look(folder: Path, before: Changes, seconds: float = 60) -> Changes:
    return look_for_changes(ModelsFolder(folder), before, seconds)


def names_of(changes: Changes) -> set[str]:
    return {name for name, _ in changes.found}


@pytest.mark.parametrize(
    ("count", "vanish", "held"),
    [(1, 1, 0), (2, 1, 0), (2, 2, 2), (3, 1, 0), (3, 2, 2), (4, 2, 0), (4, 3, 3), (9, 4, 0)],
)
def test_most_models_at_once_are_held(tmp_path: Path, count: int, vanish: int, held: int) -> None:
    names = [f"m{number}" for number in range(count)]
    put(tmp_path, *names)
    before = look(tmp_path, Changes())
    assert len(before.new) == count
    for name in names[:vanish]:
        shutil.rmtree(tmp_path / name)
    after = look(tmp_path, before)
    assert len(after.held) == held
    assert len(after.gone) == vanish - held
    assert bool(after.warning) == bool(held)
    again = look(tmp_path, after)
    assert (names_of(again), again.warning) == (names_of(after), "")


def test_what_is_held_goes_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a", "b", "c")
    before = look(tmp_path, Changes())
    for name in "abc":
        shutil.rmtree(tmp_path / name)
    held = look(tmp_path, before)
    until = held.held["a"]
    for now, count in ((until - 0.001, 3), (until, 0), (until + 0.001, 0)):
        monkeypatch.setattr("time.monotonic", lambda now=now: now)
        assert len(names_of(look(tmp_path, held))) == count


def test_what_comes_back_is_held_no_longer(tmp_path: Path) -> None:
    put(tmp_path, "a", "b", "c")
    before = look(tmp_path, Changes())
    shutil.move(tmp_path / "a", tmp_path / ".a")
    shutil.rmtree(tmp_path / "b")
    shutil.rmtree(tmp_path / "c")
    held = look(tmp_path, before)
    shutil.move(tmp_path / ".a", tmp_path / "a")
    back = look(tmp_path, held)
    assert set(back.held) == {"b", "c"}
    shutil.rmtree(tmp_path / "a")
    assert look(tmp_path, back).gone == [("a", 1)]


def test_nothing_is_held_where_the_operator_wants_none(tmp_path: Path) -> None:
    put(tmp_path, "a", "b")
    before = look(tmp_path, Changes(), 0)
    for name in "ab":
        shutil.rmtree(tmp_path / name)
    assert len(look(tmp_path, before, 0).gone) == 2


@scenario
async def test_an_emptied_folder_ends_nothing_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, vanished_seconds=3)
    for number in range(3):
        bench.put(f"m{number}/1/model.onnx", note(number))
    async with live(bench):
        await bench.until(lambda s: len(s.ready_names) == 3)
        bench.models.rename(tmp_path / "aside")  # all at once, whenever the next look is
        bench.models.mkdir()
        await bench.repository.rescan()
        assert len(bench.repository.current().ready_names) == 3
        bench.choose(unloaded=["m0"])
        assert bench.repository.current().ready_names == ["m1", "m2"]
        await bench.until(lambda s: not s.models)
