"""Three replicas whose operator's choices are in one bucket: here a folder, by its URL."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

PINS = 6
# A replica that stands still on a busy machine does not follow. Without the wait, few would.
MOST_LATE = PINS


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture
def replicas(tmp_path: Path, bucket: Path) -> Iterator[list[Service]]:
    made = [
        Service(
            tmp_path / f"replica-{number}",
            state_url=f"file://{bucket}",
            state_seconds=0.5,
            state_strict=number == 0,
        )
        for number in range(3)
    ]
    with contextlib.ExitStack() as stack:
        for service in made:
            stack.enter_context(service)
            service.put("penguins/1/model.onnx", penguins())
            service.put("penguins/2/model.onnx", penguins())
            service.start()
        yield made


def active(service: Service) -> int:
    version: int = service.client.get("/models/penguins").json()["active_version"]
    return version


def test_a_pin_holds_in_every_replica_once_it_is_answered(replicas: list[Service]) -> None:
    late = 0
    for number in range(PINS):
        version = number % 2 + 1
        pinned = replicas[number % 3].client.put(
            "/models/penguins/active", json={"version": version}
        )
        assert pinned.json()["active_version"] == version
        late += sum(active(replica) != version for replica in replicas)
        eventually(lambda v=version: [active(each) for each in replicas] == [v] * 3)
    assert late <= MOST_LATE, f"{late} answers came from the choices before"


def test_changes_of_several_replicas_at_once_are_all_kept(replicas: list[Service]) -> None:
    def change(number: int) -> int:
        client = replicas[number].client
        if number == 0:
            return client.put("/models/penguins/active", json={"version": 1}).status_code
        return client.post("/select-model/?model=penguins").status_code

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(change, range(2))) == [200, 200]

    def has_both(replica: Service) -> bool:
        chosen = replica.client.get("/models").json()["selected"]
        return bool(chosen and chosen["model"] == "penguins" and active(replica) == 1)

    for replica in replicas:
        eventually(lambda each=replica: has_both(each), what="both changes in every replica")


def test_replicas_serve_what_they_know_while_the_bucket_is_away(
    replicas: list[Service], bucket: Path
) -> None:
    replicas[1].client.put("/models/penguins/active", json={"version": 1})
    eventually(lambda: [active(replica) for replica in replicas] == [1] * 3)
    away = bucket.rename(bucket.with_name("away"))
    eventually(lambda: "the known one stays valid" in replicas[1].log)
    assert [active(replica) for replica in replicas] == [1] * 3
    refused = replicas[1].client.put("/models/penguins/active", json={"version": 2})
    assert refused.status_code == 503
    eventually(lambda: replicas[0].client.get("/readyz").status_code == 503, within=30)
    assert replicas[1].client.get("/readyz").status_code == 200
    away.rename(bucket)
    eventually(lambda: replicas[0].client.get("/readyz").status_code == 200)
    assert "inference_state_age_seconds" in replicas[0].client.get("/metrics").text
