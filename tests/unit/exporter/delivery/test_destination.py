"""Buckets and folders as destinations."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from exporter.delivery import bucket as bucket_module
from exporter.delivery import resolution
from exporter.delivery.bucket import BucketDestination
from exporter.delivery.destination import FolderDestination
from exporter.delivery.resolution import resolve_destination
from exporter.errors import NotAtomicWarning, OptionError
from inference.storage.object_store import ObjectStore


def admit(_: object) -> Any:
    return "report"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    memory = MemoryStore()
    made = ObjectStore(lambda: memory, "s3://bucket/models")
    monkeypatch.setattr(bucket_module, "open_store", lambda _: made)
    return made


@pytest.mark.usefixtures("store")
def test_versions_are_counted_on_from_the_highest() -> None:
    destination = BucketDestination("s3://bucket/models")
    assert destination.versions("m") == []
    placed = [destination.place("m", content, admit)[0] for content in (b"one", b"two")]
    assert placed == [1, 2]
    assert destination.versions("m") == [2, 1]
    assert destination.read("m", 2, 3) == b"two"
    assert destination.digest("m", 2) == hashlib.sha256(b"two").hexdigest()
    assert destination.path_of("m", 2) == "s3://bucket/models/m/2/model.onnx"
    destination.remove("m", 1)
    assert destination.place("m", b"three", admit)[0] == 3
    assert destination.versions("m") == [3, 2]


def test_a_flat_file_counts_as_version_1_and_other_names_as_none(store: ObjectStore) -> None:
    destination = BucketDestination("s3://bucket/models")
    destination._run(store.put("m.onnx", b"flat"))
    destination._run(store.put("mm/7/model.onnx", b"other"))
    destination._run(store.put("m/draft/model.onnx", b"draft"))
    assert destination.place("m", b"next", admit)[0] == 2


@pytest.mark.usefixtures("store")
def test_a_version_that_someone_else_takes_in_between_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    destination, late = BucketDestination("s3://b/m"), iter([1, 1, 2])
    destination.place("m", b"theirs", admit)
    monkeypatch.setattr(destination, "_next_version", lambda _: next(late))
    assert destination.place("m", b"ours", admit)[0] == 2
    assert destination.read("m", 1, 6) == b"theirs"


def test_a_store_without_conditional_writes_is_warned_of_and_what_is_lost_is_found(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"m/1/model.onnx": b"theirs"}  # created at the same moment, and a little later

    async def create(path: str, content: bytes, metadata: Any = None) -> None:
        await obstore.put_async(store._store, path, content, attributes=metadata)  # in one step
        if path in others:
            await create(path, others.pop(path), {"publication": "of another"})

    monkeypatch.setattr(store, "create", create)
    destination = BucketDestination("s3://b/m")
    with pytest.warns(NotAtomicWarning, match=r"publish from one place at a time: .*If-None-Match"):
        assert destination.place("m", b"content", admit)[0] == 2
    assert destination.read("m", 1, 7) == b"theirs"
    assert destination.read("m", 2, 7) == b"content"


@pytest.mark.usefixtures("store")
def test_a_much_larger_object_is_not_read_to_compare_it() -> None:
    destination = BucketDestination("s3://b/m")
    destination.place("m", bytes(200_000), admit)
    assert destination.read("m", 1, 10) is None
    assert destination.read("m", 1, 190_000) == bytes(200_000)
    assert destination.read("m", 2, 10) is None


@pytest.mark.parametrize("given", ["models", Path("models"), "file:///tmp/models", "./s3"])
def test_paths_are_folders(given: str | Path) -> None:
    assert isinstance(resolve_destination(given), FolderDestination)


def test_the_variable_may_be_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTER_MODELS_DIR", "gs://bucket/models")
    assert resolve_destination(None).describe() == "gs://bucket/models"
    assert isinstance(resolve_destination("models"), FolderDestination)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://host/models", "cannot be written"),
        ("ftp://h/x", "not the URL"),
        ("s3:///", "no "),
    ],
)
def test_urls_that_cannot_be_written_are_refused(url: str, reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        resolve_destination(url)


def test_a_bucket_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolution, "find_spec", lambda _: None)
    with pytest.raises(OptionError, match=r"notebooks\[storage\]"):
        resolve_destination("s3://bucket/models")
