"""Several workers on one port behave like one service."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import Service, environment, eventually
from support.service.raw_http import request
from support.service.workers import GOOD, HOT, connect, everywhere, filled, pids, put_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run three workers."""
    with Service(tmp_path_factory.mktemp("workers"), workers=3) as service:
        yield put_many(service).start()
        assert service.stop() == 0
        assert "Traceback" not in service.log


# -- what was answered holds everywhere ------------------------------------------------------------


def test_a_selection_holds_in_every_worker_at_once(shared: Service) -> None:
    for turn in range(6):
        name = "mn"[turn % 2]
        assert shared.client.post(f"/select-model/?model={name}").status_code == 200
        answers = everywhere(shared, "/predict/")
        assert {(a.status, a.json().get("model")) for a in answers} == {(200, name)}


def test_a_selected_version_holds_in_every_worker_at_once(shared: Service) -> None:
    for version in (1, 3, 1, 2):
        chosen = shared.client.post(f"/select-model/?model=m&version={version}")
        assert chosen.status_code == 200
        answers = everywhere(shared, "/predict/")
        assert {(a.status, a.json().get("version")) for a in answers} == {(200, version)}


def test_a_pin_holds_in_every_worker_at_once(shared: Service) -> None:
    assert shared.client.post("/select-model/?model=n").status_code == 200
    for version in (1, 3, 2, "latest", 1, "latest"):
        pinned = shared.client.put("/models/m/active", json={"version": version})
        assert pinned.status_code == 200, pinned.text
        expected = 3 if version == "latest" else version
        answers = everywhere(shared, HOT)
        seen = {(a.status, a.json().get("version"), a.json().get("detail")) for a in answers}
        assert seen == {(200, expected, None)}


def test_unload_and_load_hold_in_every_worker_at_once(shared: Service) -> None:
    for _ in range(3):
        assert shared.client.post("/v2/repository/models/n/unload").status_code == 200
        assert {a.status for a in everywhere(shared, "/models/n/predict")} == {409}
        assert shared.client.post("/v2/repository/models/n/load").status_code == 200
        answers = everywhere(shared, "/models/n/predict")
        assert {(a.status, a.json().get("detail")) for a in answers} == {(200, None)}


def test_a_file_loaded_on_request_answers_in_every_worker_at_once(shared: Service) -> None:
    for turn in range(3):
        name = f"new-{turn}"
        path = f"/models/{name}/predict"
        assert {a.status for a in everywhere(shared, path)} == {404}
        shared.put(f"{name}/1/model.onnx", penguins(seed=1))  # its examination is known
        assert shared.client.post(f"/v2/repository/models/{name}/load").status_code == 200
        answers = everywhere(shared, path)
        assert {(a.status, a.json().get("detail")) for a in answers} == {(200, None)}


def test_each_content_is_examined_once_for_all_workers(shared: Service) -> None:
    shared.put("once/1/model.onnx", penguins(seed=77))
    eventually(lambda: {a.status for a in everywhere(shared, "/models/once/predict")} == {200})
    contents = {p.read_bytes() for p in shared.models.glob("*/*/model.onnx")}
    line = f'inference_admission_duration_seconds_count{{verdict="admitted"}} {len(contents)}.0'
    eventually(lambda: line in shared.client.get("/metrics").text, what=line)


def test_numbers_add_up_over_workers_and_deaths(shared: Service) -> None:
    def counted() -> float:
        text = shared.client.get("/metrics").text
        line = (
            r'^inference_requests_total\{model="n",route="predict",status="200",version="1"\} (\S+)'
        )
        found = re.search(line, text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def all_counted(number: float) -> None:
        # What one worker has answered, the others know a moment later.
        eventually(lambda: counted() >= number, what="all requests counted")
        assert counted() == number

    before, workers = counted(), pids(shared, 3)
    assert {a.status for a in everywhere(shared, "/models/n/predict", 60)} == {200}
    all_counted(before + 60)
    os.kill(min(workers), signal.SIGKILL)
    eventually(lambda: pids(shared, 3) - workers, what="a new worker")
    all_counted(before + 60)
    assert {a.status for a in everywhere(shared, "/models/n/predict", 60)} == {200}
    all_counted(before + 120)


def test_no_two_workers_make_the_same_request_id(shared: Service) -> None:
    answers = everywhere(shared, "/models/n/predict", 60)
    made = {answer.headers["x-request-id"] for answer in answers}
    assert len(made) == 60
    assert len({request_id.split("-")[0] for request_id in made}) == 3


def test_the_supervisor_can_be_forked_safely(shared: Service) -> None:
    """A lock that another thread held at a fork would be held in the worker for ever."""
    assert shared.process is not None
    assert len(list(Path(f"/proc/{shared.process.pid}/task").iterdir())) == 1


# -- starts ----------------------------------------------------------------------------------------


def test_a_port_in_use_is_told_and_never_shared(shared: Service, tmp_path: Path) -> None:
    port = shared.client.base_url.port
    for workers in (1, 2):
        with Service(tmp_path, workers=workers, port=port) as second:
            assert second.run().wait(60) == 1
            assert f"port {port}" in second.log
            assert "Traceback" not in second.log


def test_gives_up_when_workers_die_as_they_start(tmp_path: Path) -> None:
    """A start that can never succeed ends, and says so, instead of going on for ever."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nos.register_at_fork(after_in_child=lambda: os._exit(3))\n"
    )
    settings = {"models_dir": tmp_path, "state_dir": tmp_path / "state", "port": 0, "workers": 3}
    done = subprocess.run(
        [sys.executable, "-m", "inference.cli", "serve"],
        env=environment(**settings) | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "giving up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_fails_later_is_started_after_a_pause_that_a_signal_ends(
    make_service: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading\n"
        "def fail_later():\n"
        "    threading.Thread(target=lambda: (wait(2.2), os._exit(3)), daemon=True).start()\n"
        "wait = threading.Event().wait\n"
        "os.register_at_fork(after_in_child=fail_later)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    service = make_service(workers=2)
    process = service.run()
    eventually(lambda: "it is replaced in 2 s" in service.log, within=60)
    for pause in ("", " in 1 s"):
        assert f"ended with status 3; it is replaced{pause}\n" in service.log
    process.terminate()
    assert process.wait(15) == 0
    assert "giving up" not in service.log


def test_choices_outlive_a_restart_in_every_worker(make_service: Callable[..., Service]) -> None:
    service = put_many(make_service(workers=2)).start()
    assert service.client.post("/select-model/?model=m").status_code == 200
    assert service.client.put("/models/m/active", json={"version": 1}).status_code == 200
    assert service.client.post("/v2/repository/models/n/unload").status_code == 200
    assert service.stop() == 0
    again = make_service(workers=3).start()
    answers = everywhere(again, "/predict/")
    assert {(a.status, a.json().get("version")) for a in answers} == {(200, 1)}
    assert {a.status for a in everywhere(again, "/models/n/predict")} == {409}
    assert "inference_admission_duration_seconds_count" not in again.client.get("/metrics").text


def test_a_client_that_holds_its_connection_cannot_stop_the_end(
    make_service: Callable[..., Service],
) -> None:
    service = filled(make_service(workers=2, shutdown_seconds=0.5))
    with connect(service) as raw:
        raw.send(request(HOT, GOOD) + request(HOT, GOOD)[:-1])
        assert raw.answer().status == 200
        assert service.stop() == 0


def test_what_workers_share_is_no_file_that_could_be_full(shared: Service) -> None:
    """A page that finds no room in /dev/shm, which has 64 MB in a container, ends its process."""
    for pid in (*shared.worker_pids, *pids(shared, 3)):
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert "/dev/zero (deleted)" in mapped, "anonymous memory that is shared"
        assert "/dev/shm" not in mapped  # noqa: S108
        assert "rookery-" not in mapped
