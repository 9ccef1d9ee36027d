from __future__ import annotations

import pytest

from inference.settings.model_name import is_name
from inference.storage.layout import Listing, parse_listing, version_path
from inference.storage.object_store import StoredObject


def parse(*paths: str) -> Listing:
    return parse_listing([StoredObject(path, 1, '"e"') for path in paths], is_name)


def keys(*paths: str) -> set[tuple[str, int]]:
    return {(name, v) for name, each in parse(*paths).versions.items() for v in each}


def test_versions_and_flat_files_are_found() -> None:
    assert keys("a/1/model.onnx", "a/20/model.onnx", "b.onnx") == {("a", 1), ("a", 20), ("b", 1)}
    assert keys(version_path("a", 3)) == {("a", 3)}


def test_a_versioned_folder_wins_over_a_flat_file() -> None:
    listing = parse("a.onnx", "a/2/model.onnx")
    assert {v: found.stored.path for v, found in listing.versions["a"].items()} == {
        2: "a/2/model.onnx"
    }


@pytest.mark.parametrize(
    "path",
    [
        "a/0/model.onnx", "a/01/model.onnx", "a/-1/model.onnx", "a/1.0/model.onnx",
        "A/1/model.onnx",
        "a/1/other.onnx", "a/1/x/model.onnx", "stats/1/model.onnx", "a b.onnx", "é/1/model.onnx",
        "a/¹/model.onnx", "a/" + "9" * 19 + "/model.onnx", "x" * 65 + ".onnx", "model.onnx.onnx",
    ],
)  # fmt: skip
def test_an_onnx_file_of_another_name_is_no_version_and_is_named(path: str) -> None:
    listing = parse(path, "good/1/model.onnx")
    assert set(listing.versions) == {"good"}
    assert listing.ignored == [path]


@pytest.mark.parametrize("path", [".hidden/1/model.onnx", "a/1/config.pbtxt", "state/1.json", "a"])
def test_what_is_no_onnx_file_or_hidden_is_not_mentioned(path: str) -> None:
    listing = parse(path)
    assert (listing.versions, listing.ignored) == ({}, [])


def test_few_of_many_ignored_files_are_named() -> None:
    assert len(parse(*(f"X{number}.onnx" for number in range(100))).ignored) == 20
