"""A service whose models come from an object store: here a folder, by its URL."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import Service, children, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.long


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def put(store: Path, place: str, data: bytes | None = None) -> None:
    target = store / place
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(".new")
    temporary.write_bytes(penguins() if data is None else data)
    temporary.replace(target)


def started(make_service: Callable[..., Service], store: Path, **settings: object) -> Service:
    service = make_service(models_url=f"file://{store}", sync_seconds=0.2, **settings)
    return service.start()


def source(service: Service) -> dict[str, str]:
    found: dict[str, str] = service.client.get("/models").json()["source"]
    return found


def storage_pid(service: Service) -> int:
    """Find the process that copies: the only child that does not listen."""
    assert service.process is not None
    workers = {pid for pid in children(service.process.pid) if children(pid)}
    (pid,) = set(children(service.process.pid)) - workers
    return pid


def test_is_ready_once_the_models_of_the_store_answer(
    make_service: Callable[..., Service], store: Path
) -> None:
    put(store, "penguins/1/model.onnx")
    put(store, "penguins/2/model.onnx")
    put(store, "broken/1/model.onnx", b"junk")
    service = started(make_service, store)
    listed = service.client.get("/models").json()
    assert {m["name"]: m["active_version"] for m in listed["models"]} == {
        "penguins": 2,
        "broken": None,
    }
    assert source(service)["url"] == f"file://{store}"
    assert source(service)["state"] == "ok"
    metrics = service.client.get("/metrics").text
    assert 'inference_sync_state{state="ok"} 1.0' in metrics
    assert "inference_sync_copied_versions_total 3.0" in metrics


def test_follows_the_store_and_serves_on_while_it_is_away(
    make_service: Callable[..., Service], store: Path
) -> None:
    put(store, "penguins/1/model.onnx")
    service = started(make_service, store)
    put(store, "penguins/2/model.onnx")
    service.wait_for("penguins", active_version=2)
    away = store.rename(store.with_name("away"))
    eventually(lambda: source(service)["state"] == "away")
    assert service.model("penguins")["active_version"] == 2
    put(away, "penguins/3/model.onnx")
    away.rename(store)
    service.wait_for("penguins", active_version=3)
    eventually(lambda: source(service)["state"] == "ok", what="the end of the pass that copied it")
    assert "the copies stay" in service.log


def test_rolls_back_to_a_version_that_is_only_in_the_store(
    make_service: Callable[..., Service], store: Path
) -> None:
    for version in (1, 2, 3, 4):
        put(store, f"penguins/{version}/model.onnx")
    service = started(make_service, store, workers=2)
    assert service.model("penguins")["loaded_versions"] == [3, 4]
    answer = service.client.put("/models/penguins/active", json={"version": 1})
    assert answer.json()["active_version"] == 1, answer.text
    answer = service.client.put("/models/penguins/active", json={"version": 9})
    assert answer.status_code == 404
    assert service.model("penguins")["active_version"] == 1


def test_a_version_that_cannot_be_fetched_is_503_and_not_404(
    make_service: Callable[..., Service], store: Path
) -> None:
    put(store, "penguins/1/model.onnx")
    put(store, "penguins/2/model.onnx")
    service = started(make_service, store, keep_versions=1)
    store.rename(store.with_name("away"))
    eventually(lambda: source(service)["state"] == "away")
    answer = service.client.put("/models/penguins/active", json={"version": 1})
    assert answer.status_code == 503
    assert "object store" in answer.json()["detail"]


def test_is_not_ready_while_the_store_is_away_and_nothing_was_copied(
    make_service: Callable[..., Service], store: Path
) -> None:
    away = store.rename(store.with_name("away"))
    service = make_service(models_url=f"file://{store}", sync_seconds=0.2)
    service.run()
    eventually(service._address)
    service.client.base_url = service._address() or ""
    eventually(lambda: "the copies stay" in service.log)
    assert service.client.get("/healthz").status_code == 200
    assert service.client.get("/readyz").status_code == 503
    put(away, "penguins/1/model.onnx")
    away.rename(store)
    eventually(lambda: service.client.get("/readyz").status_code == 200)
    assert service.model("penguins")["active_version"] == 1


def test_starts_with_what_was_copied_before_while_the_store_is_away(
    make_service: Callable[..., Service], store: Path
) -> None:
    put(store, "penguins/1/model.onnx")
    service = started(make_service, store)
    service.stop()
    store.rename(store.with_name("away"))
    service.start()
    assert service.model("penguins")["active_version"] == 1
    eventually(lambda: source(service)["state"] == "away", what="the first pass has failed")


def test_starts_with_what_was_copied_before_where_nothing_can_be_copied(
    make_service: Callable[..., Service], store: Path
) -> None:
    """As with a volume that is mounted read-only."""
    put(store, "penguins/1/model.onnx")
    service = started(make_service, store)
    service.stop()
    shutil.rmtree(service.models / ".sync")
    (service.models / ".sync").write_text("in the way")
    service.start()
    assert service.model("penguins")["active_version"] == 1
    assert source(service)["state"] == "away"
    assert "the models folder cannot be used: File exists; the copies stay" in service.log
    assert "the storage process" not in service.log, "it goes on, and follows the state"
    (service.models / ".sync").unlink()
    put(store, "penguins/2/model.onnx")
    service.wait_for("penguins", active_version=2)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_process_that_copies_is_replaced(
    make_service: Callable[..., Service], store: Path, number: int
) -> None:
    put(store, "penguins/1/model.onnx")
    service = started(make_service, store, heartbeat_seconds=1)
    os.kill(storage_pid(service), number)
    put(store, "penguins/2/model.onnx")
    service.wait_for("penguins", active_version=2, within=30)
    assert "the storage process" in service.log
    assert service.stop() == 0


def test_nothing_of_it_outlives_the_supervisor(
    make_service: Callable[..., Service], store: Path
) -> None:
    service = started(make_service, store)
    pid = storage_pid(service)
    service.stop(signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
