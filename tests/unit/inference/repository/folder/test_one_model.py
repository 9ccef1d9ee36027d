"""A folder that is one model: what is taken, and what is said where it is unclear."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from inference.repository.folder.changes import Changes, look_for_changes
from inference.repository.folder.models_folder import ModelsFolder
from inference.repository.folder.one_model import scan_one_model, watched_folders_of_one

if TYPE_CHECKING:
    from pathlib import Path

    from inference.repository.folder.scan import Scan


def place(folder: Path, *places: str) -> None:
    for name in places:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(name.encode())


def found(scan: Scan, folder: Path) -> list[tuple[int, str]]:
    return [(each.version, str(each.path.relative_to(folder))) for each in scan.candidates]


@pytest.mark.parametrize(
    ("places", "taken"),
    [
        (["model.onnx"], [(1, "model.onnx")]),
        (["Penguins (final).onnx"], [(1, "Penguins (final).onnx")]),
        (["other.onnx", "model.onnx"], [(1, "model.onnx")]),
        (["1/model.onnx", "12/model.onnx"], [(1, "1/model.onnx"), (12, "12/model.onnx")]),
        (["3/model.onnx", "model.onnx"], [(3, "3/model.onnx")]),
        (["model.onnx", "MLmodel", "requirements.txt", "config.pbtxt"], [(1, "model.onnx")]),
        ([".hidden.onnx", "model.onnx.tmp", "m.onnx"], [(1, "m.onnx")]),
        (["0/model.onnx", "v1/model.onnx", "m.onnx"], [(1, "m.onnx")]),
        (["1/other.onnx", "m.onnx"], [(1, "m.onnx")]),
    ],
)
def test_takes_versions_then_model_onnx_then_a_single_file(
    tmp_path: Path, places: list[str], taken: list[tuple[int, str]]
) -> None:
    place(tmp_path, *places)
    scan = scan_one_model(tmp_path, "m")
    assert found(scan, tmp_path) == taken
    assert {each.name for each in scan.candidates} == {"m"}
    assert scan.problem == ""
    assert not scan.unseen


def test_several_files_are_refused_with_what_to_do(tmp_path: Path) -> None:
    place(tmp_path, "a.onnx", "b.onnx")
    scan = scan_one_model(tmp_path, "m")
    assert found(scan, tmp_path) == []
    assert "several files *.onnx (a.onnx, b.onnx)" in scan.problem
    assert "call one of them model.onnx" in scan.problem
    assert {each.path for each in scan.ignored} == {"a.onnx", "b.onnx"}


@pytest.mark.parametrize(
    ("places", "has"),
    [([], "it is empty"), (["m/1/model.onnx"], "it has m/"), (["model.pkl"], "it has model.pkl")],
)
def test_a_folder_without_a_model_says_what_it_should_have(
    tmp_path: Path, places: list[str], has: str
) -> None:
    place(tmp_path, *places)
    problem = scan_one_model(tmp_path, "m").problem
    assert "model.onnx, a single file *.onnx, or VERSION/model.onnx" in problem
    assert has in problem


def test_folder_that_is_missing_is_not_empty(tmp_path: Path) -> None:
    assert not scan_one_model(tmp_path / "missing", "m").present


def mount(folder: Path, generation: int, *places: str) -> None:
    """Place files as Kubernetes does in volumes: links by way of ``..data``, swapped at once."""
    data = folder / f"..{generation}"
    place(data, *places)
    link = folder / "..data.tmp"
    link.symlink_to(data.name)
    link.replace(folder / "..data")
    for name in {place.split("/")[0] for place in places}:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


@pytest.mark.parametrize("name", ["model.onnx", "penguins.onnx", "1/model.onnx"])
def test_files_of_a_kubernetes_volume_are_followed_and_change_in_one_step(
    tmp_path: Path, name: str
) -> None:
    folder = ModelsFolder(tmp_path, "m")
    mount(tmp_path, 1, name)
    before = look_for_changes(folder, Changes(), 0)
    assert before.found.keys() == {("m", 1)}
    mount(tmp_path, 2, name)
    after = look_for_changes(folder, before, 0)
    assert [each.version for each in after.new] == [1]
    assert (after.gone, after.warning) == ([], "")


def test_a_file_replaced_by_one_of_another_name_stays_until_the_old_one_is_gone(
    tmp_path: Path,
) -> None:
    folder = ModelsFolder(tmp_path, "m")
    place(tmp_path, "old.onnx")
    before = look_for_changes(folder, Changes(), 0)
    place(tmp_path, "new.onnx")
    both = look_for_changes(folder, before, 0)
    assert (both.found, both.gone) == (before.found, [])
    assert "several files" in both.warning
    assert look_for_changes(folder, both, 0).warning == "", "said once"
    (tmp_path / "old.onnx").unlink()
    after = look_for_changes(folder, both, 0)
    assert [each.path.name for each in after.new] == ["new.onnx"]
    assert after.gone == []


def test_a_model_that_vanishes_is_held_for_the_time_of_a_replacement(tmp_path: Path) -> None:
    folder = ModelsFolder(tmp_path, "m")
    place(tmp_path, "model.onnx")
    before = look_for_changes(folder, Changes(), 60)
    (tmp_path / "model.onnx").unlink()
    held = look_for_changes(folder, before, 60)
    assert (held.found, held.gone) == (before.found, [])
    assert "1 of 1 models have vanished" in held.warning
    assert look_for_changes(folder, before, 0).gone == [("m", 1)]


def test_the_folder_may_be_a_link_that_is_replaced(tmp_path: Path) -> None:
    place(tmp_path / "one", "model.onnx")
    place(tmp_path / "two", "model.onnx")
    (tmp_path / "models").symlink_to("one")
    folder = ModelsFolder(tmp_path / "models", "m")
    before = look_for_changes(folder, Changes(), 0)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "models")
    after = look_for_changes(folder, before, 0)
    assert [(each.name, each.version) for each in after.new] == [("m", 1)]


def test_names_that_are_no_text_are_shown_with_escapes(tmp_path: Path) -> None:
    for name in (b"a\xff.onnx", b"b.onnx"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    assert r"a\xff.onnx" in scan_one_model(tmp_path, "m").problem


def test_watches_the_folder_and_its_versions(tmp_path: Path) -> None:
    place(tmp_path, "1/model.onnx", "other/model.onnx", "model.onnx")
    assert set(watched_folders_of_one(tmp_path)) == {tmp_path, tmp_path / "1"}
    assert set(watched_folders_of_one(tmp_path / "missing")) == {tmp_path / "missing"}


def test_only_its_own_name_is_looked_for(tmp_path: Path) -> None:
    place(tmp_path, "other.onnx")
    folder = ModelsFolder(tmp_path, "m")
    assert folder.may_hold("m", None)
    assert not folder.may_hold("other", None)
