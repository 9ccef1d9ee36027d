"""Which stores create an object once, and what those that do not are good for."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from exporter import publish
from exporter.errors import NotAtomicWarning
from inference.storage.layout import version_path
from inference.storage.object_store import ObjectExistsError, open_store
from support.models.artifacts import penguins
from support.service.process import eventually
from support.storage.replicas import Replica

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.service.process import Service

CALLERS, OBJECTS = 6, 20
SIZES = [1, 1024 * 1024]  # by turns
ROW = [39.1, 18.7, 181.0, 3750.0]


def paths(url: str) -> list[str]:
    return sorted(one.path for one in asyncio.run(open_store(url).list_objects()))


@pytest.mark.servers("azurite", "google")
def test_of_many_callers_that_create_an_object_at_once_one_succeeds(url: str) -> None:
    store = open_store(url)

    async def create(caller: int, number: int) -> bool:
        content = bytes([caller]) * SIZES[number % len(SIZES)]
        try:
            await store.create(str(number), content)
        except ObjectExistsError:
            return False
        return True

    def create_all(caller: int) -> list[bool]:
        return [asyncio.run(create(caller, number)) for number in range(OBJECTS)]

    with ThreadPoolExecutor(CALLERS) as threads:
        created = np.array(list(threads.map(create_all, range(CALLERS))))
    assert created.sum(axis=0).tolist() == [1] * OBJECTS
    for number, winner in enumerate(created.argmax(axis=0)):
        content = asyncio.run(store.read(str(number), max(SIZES)))
        assert content == bytes([winner]) * SIZES[number % len(SIZES)]


@pytest.mark.servers("swift")
def test_publication_into_a_store_that_creates_twice_warns(url: str) -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))  # noqa: N806 - scikit-learn's name
    model = LogisticRegression().fit(X, (X[:, 0] > 0).astype(int))
    for version in (1, 2):
        with pytest.warns(NotAtomicWarning, match=f"from one place at a time: {url} lets two"):
            publication = publish(model, f"m{version}", X, models_dir=url, progress=False)
        assert publication.version == 1
    assert paths(url) == [version_path("m1", 1), version_path("m2", 1)]


@pytest.mark.servers("swift")
def test_a_store_that_creates_twice_can_be_served_from(
    url: str, make_service: Callable[..., Service]
) -> None:
    store = open_store(url)
    for version in (1, 2):
        asyncio.run(store.put(version_path("m", version), penguins(version)))
    service = make_service(url).start()
    service.wait_for("m", active_version=2, within=30)
    asyncio.run(store.put(version_path("m", 3), penguins(3)))
    service.wait_for("m", active_version=3, within=30)
    asyncio.run(store.put(version_path("m", 3), penguins(4)))
    copy = service.models / version_path("m", 3)
    eventually(lambda: copy.read_bytes() == penguins(4), within=30)
    asyncio.run(store.delete(version_path("m", 3)))
    service.wait_for("m", active_version=2, within=30)
    answer = service.client.post("/models/m/predict", json=[ROW])
    assert answer.status_code == 200, answer.text


@pytest.mark.servers("swift")
def test_choices_are_not_kept_in_a_store_that_creates_twice(url: str, tmp_path: Path) -> None:
    with Replica(tmp_path, url, ["m"]) as replica:
        replica.start_with_models()
        refused = replica.pin("m", 1)
        assert refused.status_code == 503, refused.text
        detail = refused.json()["detail"]
        assert detail.startswith("the change was not made: ")
        assert "lets two callers create the same object at once" in detail
        assert detail in replica.log
        assert replica.version("m") == 2
        assert replica.client.get("/readyz").status_code == 200
    assert paths(url) == []
