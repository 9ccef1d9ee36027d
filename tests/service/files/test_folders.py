"""Folders that fail: missing, unmounted, read-only, full. Predictions go on, and the log says why.

All but the first run on filesystems of their own, since root heeds no permissions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import MEASUREMENTS, penguins
from support.service.mounts import fill, mounted, read_only
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.long

GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))


def version_of(service: Service, path: str = "/models/m/predict") -> int | None:
    answer = service.client.post(path, json=GOOD)
    return answer.json()["version"] if answer.status_code == 200 else None


# -- models ----------------------------------------------------------------------------------------


def test_a_models_folder_that_is_missing_at_the_start_is_told_and_waited_for(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(rescan_seconds=0.2)
    service.models.rmdir()
    service.start()
    assert f"{service.models} is not there" in service.log
    assert service.client.get("/models").json()["models"] == []
    assert service.client.post("/models/m/predict", json=GOOD).status_code == 404
    service.put("m/1/model.onnx", penguins())
    service.wait_for("m", state="ready")


def test_models_that_are_unmounted_go_on_answering_until_they_are_back(
    make_service: Callable[..., Service],
) -> None:
    """The mount point that is left is an empty folder, and no deletion of everything."""
    service = make_service(rescan_seconds=0.2)
    with mounted(service.models):
        service.put("m/1/model.onnx", penguins())
        service.start()
        assert version_of(service) == 1
    eventually(lambda: "looks unmounted" in service.log)
    assert str(service.models) in service.log
    assert service.client.get("/readyz").status_code == 200
    assert version_of(service) == 1
    with mounted(service.models):
        service.put("m/2/model.onnx", penguins(seed=2))
        eventually(lambda: version_of(service) == 2)
        assert service.model("m")["loaded_versions"] == [2]
        service.stop()


def test_models_that_cannot_be_written_are_served(make_service: Callable[..., Service]) -> None:
    service = make_service()
    service.put("m/1/model.onnx", penguins())
    with read_only(service.models):
        service.start()
        assert version_of(service) == 1
        service.stop()
    assert "Traceback" not in service.log


def test_a_full_disk_of_models_stops_no_prediction(make_service: Callable[..., Service]) -> None:
    """What does not fit is quarantined as the piece that it is, and replaced once there is room."""
    service = make_service()
    with mounted(service.models):
        service.put("m/1/model.onnx", penguins())
        (service.models / "m/2").mkdir()
        torn = service.models / "m/2/model.onnx"
        torn.touch()
        filler = fill(service.models)
        service.start()
        assert version_of(service) == 1
        shown = service.wait_for("m", active_version=1)
        assert eventually(lambda: service.model("m")["quarantined"]), shown
        said = "model m version 2 is quarantined: the file is empty"
        eventually(lambda: said in service.log, what=said)
        filler.unlink()
        torn.write_bytes(penguins(seed=2))
        eventually(lambda: version_of(service) == 2)
        service.stop()


# -- state -----------------------------------------------------------------------------------------


def chosen(service: Service) -> Service:
    """Start a service with two models, of which ``m`` is selected."""
    service.put("m/1/model.onnx", penguins())
    service.put("n/1/model.onnx", penguins(seed=1))
    service.start()
    assert service.client.post("/select-model/?model=m").status_code == 200
    return service


def cannot_choose(service: Service, why: str) -> None:
    """Check that a selection is refused, changes nothing and is logged."""
    answer = service.client.post("/select-model/?model=n")
    assert answer.status_code == 503
    assert why in answer.json()["detail"]
    assert "nothing changed" in answer.json()["detail"]
    eventually(lambda: why in service.log, what=f"{why!r} in the log")
    assert service.client.post("/predict/", json=GOOD).json()["model"] == "m"


def test_a_state_folder_that_becomes_read_only_costs_choices_alone(
    make_service: Callable[..., Service],
) -> None:
    service = chosen(make_service(workers=2))
    with read_only(service.root / "state"):
        cannot_choose(service, "Read-only file system")
        service.put("late/1/model.onnx", penguins(seed=3))
        service.wait_for("late", state="ready", within=30)
    assert service.client.post("/select-model/?model=n").status_code == 200
    assert service.client.post("/predict/", json=GOOD).json()["model"] == "n"
    assert "Traceback" not in service.log


def test_a_full_disk_of_state_costs_choices_alone(make_service: Callable[..., Service]) -> None:
    service = make_service()
    with mounted(service.root / "state"):
        chosen(service)
        filler = fill(service.root / "state")
        cannot_choose(service, "No space left on device")
        filler.unlink()
        assert service.client.post("/select-model/?model=n").status_code == 200
        state = json.loads((service.root / "state/state.json").read_text())
        assert state["selection"] == {"model": "n"}
        service.stop()


def test_a_state_file_that_is_overwritten_with_rubbish_is_told_and_kept_aside(
    make_service: Callable[..., Service],
) -> None:
    service = chosen(make_service(workers=2, rescan_seconds=0.2))
    file = service.root / "state" / "state.json"
    file.write_bytes(b"\x00rubbish")
    eventually(lambda: "is not a state" in service.log)
    assert f"the state file {file}" in service.log
    eventually(lambda: service.client.post("/predict/", json=GOOD).status_code == 409)
    assert version_of(service) == 1
    assert file.with_suffix(".corrupt").read_bytes() == b"\x00rubbish"
    assert service.client.post("/select-model/?model=m").status_code == 200
    assert service.client.post("/predict/", json=GOOD).status_code == 200


# -- temporary files -------------------------------------------------------------------------------


def test_a_full_disk_of_temporary_files_stops_no_prediction(
    make_service: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What workers share lies in memory, so that there is always room for another count."""
    temporary = tmp_path / "tmp"
    with mounted(temporary):
        monkeypatch.setenv("TMPDIR", str(temporary))
        service = make_service(workers=2)
        service.put("m/1/model.onnx", penguins())
        service.start()
        fill(temporary)
        for version in (1, 2, 3):
            service.put(f"m/{version}/model.onnx", penguins(seed=version))
            eventually(lambda version=version: version_of(service) == version)
            assert {version_of(service, f"/models/m/versions/{version}/predict/")} == {version}
        assert 'version="3"' in service.client.get("/metrics").text
        assert "it is replaced" not in service.log
        service.stop()
