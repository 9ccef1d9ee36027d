"""publish() into a bucket, and services that serve from it."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from exporter import publish
from exporter.delivery.bucket import BucketDestination
from exporter.errors import PlacementError
from inference.storage.layout import version_path
from inference.storage.object_store import open_store
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service
    from support.storage.servers import Server

EVERY = ("azurite", "google", "moto")


def fitted(seed: int = 0) -> tuple[LogisticRegression, Any]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(60, 3))  # noqa: N806 - scikit-learn's name
    return LogisticRegression().fit(X, (X[:, 0] > 0).astype(int)), X


@pytest.mark.servers(*EVERY)
@pytest.mark.usefixtures("outside_git")
def test_a_published_model_is_served_by_every_replica(
    url: str, make_service: Callable[..., Service]
) -> None:
    replicas = [make_service(url, f"replica-{number}").start() for number in range(3)]
    model, X = fitted()  # noqa: N806
    publication = publish(model, "first", X, models_dir=url, progress=False)
    assert (publication.version, publication.path) == (1, f"{url}/first/1/model.onnx")
    again = publish(model, "first", X, models_dir=url, progress=False)
    assert (again.version, again.unchanged) == (1, True)
    second, X = fitted(1)  # noqa: N806
    assert publish(second, "first", X, models_dir=url, progress=False).version == 2
    for replica in replicas:
        replica.wait_for("first", active_version=2, within=30)
        answer = replica.client.post("/models/first/predict", json=X[:20].tolist()).json()
        labels = [one["label"] for one in answer["predictions"]]
        assert labels == second.predict(X[:20]).tolist()


@pytest.mark.servers(*EVERY)
def test_parallel_publishers_get_different_versions(url: str) -> None:
    contents = [f"content {number}".encode() for number in range(12)]

    def place(content: bytes) -> int:
        version, _ = BucketDestination(url).place("m", content, lambda _: object())  # type: ignore[arg-type, return-value]
        return version

    with ThreadPoolExecutor(6) as threads:
        versions = list(threads.map(place, contents))
    assert sorted(versions) == list(range(1, 13))
    bucket = BucketDestination(url)
    for version, content in zip(versions, contents, strict=True):
        assert bucket.read("m", version, len(content)) == content


@pytest.mark.servers(*EVERY)
def test_a_model_that_is_refused_leaves_nothing(url: str) -> None:
    def refuse(_: object) -> Any:
        raise LookupError

    bucket = BucketDestination(url)
    with pytest.raises(LookupError):
        bucket.place("m", b"content", refuse)
    assert bucket.versions("m") == []


@pytest.mark.servers(*EVERY)
def test_a_store_that_is_away_is_named_and_nothing_is_published(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value.replace(f":{server.port}", ":1"))
    model, X = fitted()  # noqa: N806
    with pytest.raises(PlacementError, match=url):
        publish(model, "first", X, models_dir=url, progress=False)


@pytest.mark.servers(*EVERY)
def test_only_versions_that_the_service_does_not_need_are_removed(
    url: str, make_service: Callable[..., Service]
) -> None:
    service = make_service(url, keep_versions=1).start()
    address = str(service.client.base_url)
    for seed in range(3):
        model, X = fitted(seed)  # noqa: N806
        published = publish(model, "first", X, models_dir=url, url=address, progress=False)
        service.wait_for("first", active_version=published.version, within=30)
    service.client.put("/models/first/active", json={"version": 2})
    bucket = BucketDestination(url)
    model, X = fitted(9)  # noqa: N806
    published = publish(model, "first", X, models_dir=url, url=address, keep=1, progress=False)
    assert 1 in published.removed
    assert 1 not in bucket.versions("first")
    assert 2 in bucket.versions("first"), "it is pinned"
    assert 4 in bucket.versions("first")


# fake-gcs-server has no uploads in parts.
@pytest.mark.servers("azurite", "moto", "swift")
def test_large_and_multipart_objects_are_copied(
    url: str, make_service: Callable[..., Service]
) -> None:
    content = random.Random(1).randbytes(12 * 1024 * 1024)
    asyncio.run(open_store(url).put(version_path("large", 1), content))
    service = make_service(url)
    service.run()
    file = service.models / "large" / "1" / "model.onnx"
    eventually(file.exists, within=30)
    assert file.read_bytes() == content
