"""Starting, stopping, choosing, restarting: what the person who runs the service relies on."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import MEASUREMENTS, penguins
from support.models.hostile_models import endless
from support.project import FIXTURES
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))


def version_of(service: Service, path: str = "/predict/") -> int | None:
    answer = service.client.post(path, json=GOOD)
    return answer.json()["version"] if answer.status_code == 200 else None


def test_the_loop_runs_from_a_file_to_a_prediction(service: Service) -> None:
    """An empty folder, a file, the drop-down, a selection, an answer: without a restart."""
    assert service.client.get("/readyz").json() == {"status": "ready", "models": 0}
    begin = time.monotonic()
    service.put("pen/1/model.onnx", (FIXTURES / "penguins-logistic.onnx").read_bytes())
    service.wait_for("pen", state="ready")
    took = time.monotonic() - begin
    document = service.client.get("/openapi.json").json()
    parameters = document["paths"]["/select-model/"]["post"]["parameters"]
    [offered] = [p["schema"]["$ref"] for p in parameters if p["name"] == "model"]
    assert document["components"]["schemas"][offered.rpartition("/")[2]]["enum"] == ["pen"]
    body = document["paths"]["/models/pen/predict"]["post"]["requestBody"]["content"]
    for example in body["application/json"]["examples"].values():
        answer = service.client.post("/models/pen/predict", json=example["value"])
        assert answer.status_code == 200, answer.text
    assert service.client.post("/select-model/?model=pen").status_code == 200
    assert service.client.post("/predict/", json=example["value"]).json()["model"] == "pen"
    assert took < 20, "two seconds on a machine that does nothing else"


def test_every_route_answers_with_and_without_a_slash(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.put("m.onnx", penguins())
    service.start()
    routes = [("POST", "/select-model{}?model=m"), ("POST", "/predict{}"), ("GET", "/models{}"),
              ("GET", "/models/m{}"), ("POST", "/models/m/predict{}"), ("GET", "/healthz{}"),
              ("POST", "/models/m/versions/1/predict{}"), ("PUT", "/models/m/active{}"),
              ("GET", "/readyz{}"), ("GET", "/docs{}"), ("GET", "/openapi.json{}")]  # fmt: skip
    for method, route in routes:
        body = {"version": "latest"} if method == "PUT" else GOOD if method == "POST" else None
        both = [service.client.request(method, route.format(s), json=body) for s in ("", "/")]
        assert [answer.status_code for answer in both] == [200, 200], route


def test_selection_and_pins_outlive_a_restart(make_service: Callable[..., Service]) -> None:
    service = make_service(keep_versions=1)
    for number in (1, 2, 3):
        service.put(f"m/{number}/model.onnx", penguins(note=str(number)))
    service.put("other.onnx", penguins(seed=2))
    service.start()
    assert service.client.post("/select-model/?model=m").json()["active_version"] == 3
    pinned = service.client.put("/models/m/active", json={"version": 1})
    assert pinned.json() == {"model": "m", "active_version": 1, "pinned_version": 1}
    assert version_of(service) == 1
    service.stop()

    service.start()
    assert version_of(service) == 1
    shown = service.model("m")
    assert (shown["pinned_version"], shown["selected"]) == (1, True)
    service.client.put("/models/m/active", json={"version": "latest"})
    assert version_of(service) == 3
    assert service.client.post("/select-model/?model=m&version=2").status_code == 200
    service.stop()

    service.start()
    assert version_of(service) == 2
    assert version_of(service, "/models/m/predict") == 3


def test_a_corrupt_state_file_costs_the_choices_and_nothing_else(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.put("m.onnx", penguins())
    (service.root / "state").mkdir()
    (service.root / "state" / "state.json").write_bytes(b"\xff{")
    service.start()
    assert service.client.post("/predict/", json=GOOD).status_code == 409
    assert service.client.post("/select-model/?model=m").status_code == 200
    assert version_of(service) == 1


def test_a_state_that_cannot_be_kept_is_503_and_changes_nothing(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.put("m.onnx", penguins())
    (service.root / "state").write_text("a file is in the way")
    service.start()
    answer = service.client.post("/select-model/?model=m")
    assert answer.status_code == 503
    assert "nothing changed" in answer.json()["detail"]
    assert service.client.post("/predict/", json=GOOD).status_code == 409
    assert version_of(service, "/models/m/predict") == 1


def test_what_is_live_outlives_the_folder_and_follows_its_return(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(rescan_seconds=0.2)
    service.put("m.onnx", penguins())
    service.start()
    service.models.rename(service.root / "away")
    eventually(lambda: "is not there" in service.log)
    assert version_of(service, "/models/m/predict") == 1
    service.models.mkdir()
    eventually(lambda: service.model("m") == {})
    service.put("n/7/model.onnx", penguins())
    service.wait_for("n", active_version=7)


def test_a_selected_model_that_is_removed_is_409_until_it_is_back(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.put("m/1/model.onnx", penguins())
    service.start()
    service.client.post("/select-model/?model=m")
    shutil.rmtree(service.models / "m")
    eventually(lambda: version_of(service) is None)
    answer = service.client.post("/predict/", json=GOOD)
    assert answer.status_code == 409
    assert "no longer there" in answer.json()["detail"]
    service.put("m/1/model.onnx", penguins())
    eventually(lambda: version_of(service) == 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_quickly_while_an_examination_hangs(
    make_service: Callable[..., Service], number: int
) -> None:
    service = make_service(admission_timeout_seconds=300).start()
    service.put("m/1/model.onnx", endless())
    service.wait_for("m", state="loading")
    assert service.client.get("/healthz").status_code == 200
    begin = time.monotonic()
    status = service.stop(number, within=20)
    assert time.monotonic() - begin < 15
    assert status in (0, -number)
    assert "Traceback" not in service.log
    found = socket.socket()
    with found:
        assert found.connect_ex(("127.0.0.1", service.client.base_url.port or 0)) != 0


def test_an_examination_ends_with_the_process_that_asked(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(admission_timeout_seconds=300).start()
    others = len(processes(service))
    service.put("m/1/model.onnx", endless())
    eventually(lambda: len(processes(service)) > others, what="an examination")
    service.stop(signal.SIGKILL)
    eventually(lambda: not processes(service), what="no process examines any more")


def processes(service: Service) -> list[str]:
    """List the processes of a service by the folder that they work in."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == service.root:
                found.append(process.name)
    return found


def test_a_port_in_use_is_told(make_service: Callable[..., Service]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = make_service(port=port)
        assert service.run().wait(60) == 1
    assert "address already in use" in service.log.lower()
    assert f"cannot listen on 127.0.0.1, port {port}: " in service.log
    assert "Traceback" not in service.log


def test_a_bad_setting_stops_the_start(make_service: Callable[..., Service]) -> None:
    service = make_service(keep_versions="none", log_level="loud")
    assert service.run().wait(60) == 2
    first, second = service.log.splitlines()
    assert first.startswith("inference: INFERENCE_KEEP_VERSIONS=none is wrong: it must be a")
    assert second.startswith("inference: INFERENCE_LOG_LEVEL=loud is wrong")
