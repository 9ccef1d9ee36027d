from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from inference.repository.folder import listing
from inference.repository.folder.scan import fingerprint, scan_models, watched_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inference.repository.folder.scan import Scan


def place(models: Path, *places: str) -> None:
    """Make files with some content, and a folder for what ends in a slash."""
    for name in places:
        target = models / name
        if name.endswith("/"):
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"x")


def found(scan: Scan) -> list[tuple[str, int]]:
    return [(candidate.name, candidate.version) for candidate in scan.candidates]


def test_reads_both_shapes_in_order_of_name_and_number(tmp_path: Path) -> None:
    place(tmp_path, "b/10/model.onnx", "b/9/model.onnx", "b/1/model.onnx", "c.onnx", "a.b-c_1.onnx")
    scan = scan_models(tmp_path)
    assert found(scan) == [("a.b-c_1", 1), ("b", 1), ("b", 9), ("b", 10), ("c", 1)]
    assert scan.present
    assert scan.ignored == []


def test_an_empty_folder_on_another_filesystem_is_what_an_unmounted_one_leaves(
    tmp_path: Path,
) -> None:
    empty = scan_models(tmp_path)
    place(tmp_path, "m.onnx")
    before = scan_models(tmp_path)
    elsewhere = replace(empty, device=before.device + 1)
    assert elsewhere.is_mount_point_of(before)
    assert not empty.is_mount_point_of(before), "everything was deleted"
    assert not elsewhere.is_mount_point_of(empty), "there was nothing"
    assert not scan_models(tmp_path / "missing").is_mount_point_of(before), "it is gone itself"
    assert not replace(before, device=elsewhere.device).is_mount_point_of(before)


def test_a_folder_that_goes_away_during_the_scan_is_missing_and_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    place(models, "m/1/model.onnx", "n/1/model.onnx")
    scandir = os.scandir

    def scan_and_lose(path: Path) -> Iterator[os.DirEntry[str]]:
        entries = scandir(path)
        if path == models:
            models.rename(tmp_path / "away")
        return entries

    monkeypatch.setattr(os, "scandir", scan_and_lose)
    assert not scan_models(models).present


def test_a_missing_folder_is_told_from_an_empty_one(tmp_path: Path) -> None:
    assert scan_models(tmp_path).present
    assert not scan_models(tmp_path / "missing").present
    place(tmp_path, "file")
    assert not scan_models(tmp_path / "file").present


@pytest.mark.parametrize(
    "name",
    [".m.onnx", ".m.onnx.Xy12", ".m/1/model.onnx", "m.onnx.tmp", "m.onnx.part", "m.onnx~",
     "m.partial", "m.crdownload", "m.filepart", "m/.2.tmp/model.onnx", "m/2.tmp/model.onnx"],
)  # fmt: skip
def test_hidden_and_temporary_names_are_neither_read_nor_told(tmp_path: Path, name: str) -> None:
    place(tmp_path, name)
    scan = scan_models(tmp_path)
    assert (scan.candidates, scan.ignored) == ([], [])


@pytest.mark.parametrize(
    ("made", "path", "reason"),
    [
        ("notes.txt", "notes.txt", "not an .onnx file"),
        ("model", "model", "not an .onnx file"),
        ("m.ONNX", "m.ONNX", "not an .onnx file"),
        ("x.onnx/", "x.onnx", "a folder; a model's folder is NAME/VERSION/model.onnx"),
        ("x.onnx/1/model.onnx", "x.onnx", "a folder; a model's folder is NAME/VERSION/model.onnx"),
        ("Penguins.onnx", "Penguins.onnx", "'penguins' would do"),
        ("my model.onnx", "my model.onnx", "'my-model' would do"),
        ("_m.onnx", "_m.onnx", "'m' would do"),
        ("é.onnx", "é.onnx", "a model's name has a-z"),
        ("m\n.onnx", "m\n.onnx", "'m-' would do"),
        ("a" * 65 + ".onnx", "a" * 65 + ".onnx", f"'{'a' * 64}' would do"),
        ("Bad/1/model.onnx", "Bad/", "'bad' would do"),
        ("m/model.onnx", "m/model.onnx", "a version is a folder, N/model.onnx"),
        ("m/0/model.onnx", "m/0/", "a version is a positive integer"),
        ("m/01/model.onnx", "m/01/", "a version is a positive integer"),
        ("m/-1/model.onnx", "m/-1/", "a version is a positive integer"),
        ("m/v2/model.onnx", "m/v2/", "a version is a positive integer"),
        ("m/²/model.onnx", "m/²/", "a version is a positive integer"),
        ("m/" + "9" * 30 + "/model.onnx", "m/" + "9" * 30 + "/", "a version is a positive integer"),
        ("m/1/", "m/1/", "it holds no file model.onnx"),
        ("m/1/other.onnx", "m/1/", "it holds no file model.onnx"),
        ("m/1/model.onnx/", "m/1/", "it holds no file model.onnx"),
    ],
)
def test_everything_else_is_ignored_with_a_reason(
    tmp_path: Path, made: str, path: str, reason: str
) -> None:
    place(tmp_path, made, "good/1/model.onnx")
    scan = scan_models(tmp_path)
    assert found(scan) == [("good", 1)]
    [ignored] = scan.ignored
    assert ignored.path == path
    assert reason in ignored.reason


def test_a_versioned_folder_shadows_the_flat_file(tmp_path: Path) -> None:
    place(tmp_path, "m.onnx", "m/2/model.onnx")
    scan = scan_models(tmp_path)
    assert found(scan) == [("m", 2)]
    assert [(i.path, "shadowed by the folder 'm/'" in i.reason) for i in scan.ignored] == [
        ("m.onnx", True)
    ]


def test_a_folder_without_versions_shadows_nothing(tmp_path: Path) -> None:
    place(tmp_path, "m.onnx", "m/")
    assert found(scan_models(tmp_path)) == [("m", 1)]


def test_tritons_configuration_is_none_of_ours(tmp_path: Path) -> None:
    place(tmp_path, "m/config.pbtxt", "m/1/model.onnx")
    assert scan_models(tmp_path).ignored == []


def test_links_that_lead_nowhere_or_to_themselves_disturb_nothing(tmp_path: Path) -> None:
    place(tmp_path, "good.onnx", "m/1/model.onnx")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "loop.onnx").symlink_to("loop.onnx")
    (tmp_path / "broken.onnx").symlink_to("missing")
    (tmp_path / "m" / "2").symlink_to("2")
    scan = scan_models(tmp_path)
    assert found(scan) == [("good", 1), ("m", 1)]
    assert {i.path for i in scan.ignored} == {"loop", "loop.onnx", "broken.onnx", "m/2"}


def test_links_are_followed(tmp_path: Path) -> None:
    place(tmp_path, "elsewhere/model.onnx", "models/")
    (tmp_path / "models" / "a.onnx").symlink_to(tmp_path / "elsewhere" / "model.onnx")
    (tmp_path / "models" / "b").mkdir()
    (tmp_path / "models" / "b" / "1").symlink_to(tmp_path / "elsewhere")
    assert found(scan_models(tmp_path / "models")) == [("a", 1), ("b", 1)]


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    """Opening a pipe would block for ever."""
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "m" / "1").mkdir(parents=True)
    os.mkfifo(tmp_path / "m" / "1" / "model.onnx")
    scan = scan_models(tmp_path)
    assert scan.candidates == []
    assert {i.path: i.reason for i in scan.ignored} == {
        "pipe.onnx": "not a regular file",
        "m/1/": "it holds no file model.onnx",
    }


def test_a_name_that_is_no_text_can_be_told(tmp_path: Path) -> None:
    place(tmp_path, "good.onnx")
    with open(os.fsencode(tmp_path) + b"/\xff.onnx", "wb"):  # noqa: PTH123 - no text, no Path
        pass
    scan = scan_models(tmp_path)
    assert found(scan) == [("good", 1)]
    assert [i.path.encode() for i in scan.ignored] == [b"\\xff.onnx"]


def test_a_fingerprint_changes_with_content_and_permissions(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    seen = [fingerprint(path)]
    place(tmp_path, "m.onnx")
    seen.append(fingerprint(path))
    path.write_bytes(b"xy")
    seen.append(fingerprint(path))
    path.chmod(0o600)
    os.utime(path, ns=(1, 1))
    seen.append(fingerprint(path))
    assert seen[0] is None
    assert len(set(seen)) == 4


@pytest.mark.parametrize(("most", "cut"), [(2, True), (3, False), (4, False)])
def test_a_folder_of_very_many_entries_is_looked_at_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, cut: bool
) -> None:
    monkeypatch.setattr(listing, "MOST_ENTRIES", most)
    place(tmp_path, "a/1/model.onnx", "a/9/model.onnx", "a/10/model.onnx", ".hidden", "b.onnx")
    place(tmp_path, "c.onnx")
    scan = scan_models(tmp_path)
    versions = [("a", 9), ("a", 10)] if cut else [("a", 1), ("a", 9), ("a", 10)]
    assert found(scan) == [*versions, ("b", 1), *([] if cut else [("c", 1)])]
    said = {ignored.path: ignored.reason for ignored in scan.ignored}
    assert said.keys() == ({"", "a/"} if cut else set())
    assert all(f"more than {most} entries" in reason for reason in said.values())


def test_every_folder_that_holds_an_artifact_is_watched_and_no_other(tmp_path: Path) -> None:
    for path in (
        "m/1",
        "m/2",
        "m/x",
        "m/01",
        ".hidden/1",
        "Bad Name/1",
        "x.onnx/1",
        "empty",
        "m/.3",
    ):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "model.onnx").touch()
    (tmp_path / "flat.onnx").touch()
    (tmp_path / "link").symlink_to(tmp_path / "m")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    watched = {str(path.relative_to(tmp_path)) for path in watched_folders(tmp_path)}
    assert watched == {".", "m", "m/1", "m/2", "empty", "link", "link/1", "link/2"}
    scanned = {
        str(each.path.parent.relative_to(tmp_path)) for each in scan_models(tmp_path).candidates
    }
    assert scanned == watched - {"m", "empty", "link"}


def test_nothing_that_goes_meanwhile_ends_a_walk(tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    walk = watched_folders(tmp_path)
    assert [next(walk), next(walk)] == [tmp_path, tmp_path / "m"]
    shutil.rmtree(tmp_path / "m")
    assert list(walk) == []
    assert list(watched_folders(tmp_path / "missing")) == [tmp_path / "missing"]
