"""Several workers on one port: one service to whoever asks it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from artefacts import MEASUREMENTS, endless, penguins
from raw_http import Raw, request
from service_process import Service, environment, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raw_http import Answer

GOOD = json.dumps(dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))).encode()
HOT = "/models/m/predict"


def put_many(service: Service) -> Service:
    """Put three versions of ``m``, two of which will be kept loaded, and a model ``n``."""
    for version in (1, 2, 3):
        service.put(f"m/{version}/model.onnx", penguins(note=f"version {version}"))
    service.put("n/1/model.onnx", penguins(seed=1))
    return service


def filled(service: Service) -> Service:
    """Start a service with one model."""
    service.put("m/1/model.onnx", penguins())
    return service.start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run three workers."""
    with Service(tmp_path_factory.mktemp("workers"), workers=3) as service:
        yield put_many(service).start()
        assert service.stop() == 0
        assert "Traceback" not in service.log


def connect(service: Service) -> Raw:
    return Raw(str(service.client.base_url))


def fresh(service: Service, path: str, body: bytes = GOOD) -> Answer:
    """Ask on a connection of its own, which any worker may get."""
    with connect(service) as raw:
        return raw.ask(request(path, body, "Connection: close"))


def everywhere(service: Service, path: str, count: int = 40) -> list[Answer]:
    """Ask from many connections at once, so that every worker is asked several times at a time."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: fresh(service, path), range(count)))


def pids(service: Service, count: int = 2) -> set[int]:
    """Give so many workers, by asking until each of them has answered."""
    seen: set[int] = set()

    def all_seen() -> bool:
        with connect(service) as raw:
            seen.add(worker_of(raw))
        return len(seen) == count

    eventually(all_seen, within=30, what="all workers have answered")
    return seen


def worker_of(raw: Raw) -> int:
    """Ask which process is at the other end."""
    answer = raw.ask(request("/metrics", method="GET"))
    found = re.search(r"^inference_worker_pid (\S+)", answer.body.decode(), re.MULTILINE)
    assert found
    return int(float(found[1]))


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
    text = shared.client.get("/metrics").text
    contents = {p.read_bytes() for p in shared.models.glob("*/*/model.onnx")}
    assert (
        f'inference_admission_duration_seconds_count{{verdict="admitted"}} {float(len(contents))}'
        in text
    )


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
        eventually(lambda: counted() >= number, within=5, what="all requests counted")
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
    assert len({spelt.split("-")[0] for spelt in made}) == 3


def test_the_supervisor_can_be_forked_safely(shared: Service) -> None:
    """A lock that another thread held at a fork would be held in the worker for ever."""
    assert shared.process is not None
    assert len(list(Path(f"/proc/{shared.process.pid}/task").iterdir())) == 1


# -- deaths ----------------------------------------------------------------------------------------


class Client(threading.Thread):
    """Asks on one connection without pause, on a new one when it was closed."""

    def __init__(self, service: Service, done: threading.Event) -> None:
        super().__init__()
        self.service, self.done = service, done
        self.good = 0
        self.failed: list[str] = []
        self.refused = False

    def run(self) -> None:
        while not (self.done.is_set() or self.refused):
            try:
                raw = connect(self.service)
            except OSError:
                self.refused = True
                return
            with raw:
                self._ask_while_open(raw)

    def _ask_while_open(self, raw: Raw) -> None:
        first = True
        while not self.done.is_set():
            try:
                answer = raw.ask(request(HOT, GOOD))
            except (OSError, AssertionError) as error:
                if first and isinstance(error, ConnectionError):
                    self.refused = True  # nobody had taken the connection yet
                else:
                    self.failed.append(repr(error))
                return
            first = False
            if answer.status != 200:
                self.failed.append(f"{answer.status} {answer.body!r}")
            self.good += 1
            if answer.headers["connection"] == "close":
                return


def load(service: Service, count: int) -> tuple[list[Client], threading.Event]:
    done = threading.Event()
    clients = [Client(service, done) for _ in range(count)]
    for client in clients:
        client.start()
    eventually(lambda: all(client.good > 20 for client in clients), what="all have been answered")
    return clients, done


def test_the_death_of_a_worker_fails_only_what_it_had_begun(
    make_service: Callable[..., Service],
) -> None:
    service = filled(make_service(workers=2))
    workers = pids(service)
    clients, done = load(service, 6)
    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    died = time.monotonic()
    eventually(lambda: pids(service) - workers, what="the new one answers")
    assert time.monotonic() - died < 2
    assert f"(process {victim}) ended with -9" in service.log
    counts = [client.good for client in clients]
    eventually(lambda: all(c.good > n for c, n in zip(clients, counts, strict=True)))
    done.set()
    for client in clients:
        client.join(20)
        assert len(client.failed) <= 1, client.failed
        assert not client.refused


def test_a_successor_knows_every_model_from_its_first_answer_on(
    make_service: Callable[..., Service],
) -> None:
    """A file whose examination hangs does not keep it from its work."""
    service = put_many(make_service(workers=2)).start()
    service.put("endless.onnx", endless())
    service.wait_for("endless", state="loading")
    for _ in range(2):
        before = pids(service)
        os.kill(min(before), signal.SIGKILL)
        seen: set[int] = set()
        while not seen - before:
            with connect(service) as raw:
                listed = raw.ask(request("/models", method="GET")).json()["models"]
                assert {m["name"] for m in listed if m["state"] == "ready"} == {"m", "n"}
                assert raw.ask(request("/select-model/?model=n")).status == 200
                seen.add(worker_of(raw))


@pytest.mark.parametrize(("workers", "direct"), [(1, True), (1, False), (2, True)])
def test_a_shutdown_under_load_fails_no_request(
    make_service: Callable[..., Service], workers: int, *, direct: bool
) -> None:
    service = filled(make_service(workers=workers, direct=direct))
    assert service.process is not None
    clients, _ = load(service, 6)
    service.process.terminate()
    for client in clients:
        client.join(20)
        assert client.refused
        assert client.failed == []
    service.client.close()
    assert service.process.wait(15) == 0


def test_an_interrupt_ends_the_workers_cleanly(make_service: Callable[..., Service]) -> None:
    service = filled(make_service(workers=2))
    assert service.process is not None
    # A terminal's Ctrl-C goes to its whole group: workers must not get it beside their SIGTERM.
    assert all(os.getpgid(pid) != os.getpgid(service.process.pid) for pid in pids(service))
    with connect(service) as raw:
        raw.send(request(HOT, GOOD) + request(HOT, GOOD)[:-1])
        assert raw.answer().status == 200
        service.process.send_signal(signal.SIGINT)
        eventually(lambda: "Shutting down" in service.log, what="the end has begun")
        assert raw.ask(GOOD[-1:]).status == 200
    service.client.close()
    assert service.process.wait(15) == 0
    assert "Traceback" not in service.log


def test_workers_end_when_their_supervisor_is_killed(make_service: Callable[..., Service]) -> None:
    service = filled(make_service(workers=2))
    workers = pids(service)
    maps = Path(f"/proc/{min(workers)}/maps").read_text()
    found = re.search(r"(/\S+/rookery-[^/\s]+)/worker-", maps)
    assert found
    service.stop(signal.SIGKILL)
    eventually(lambda: not any(is_alive(pid) for pid in workers), what="the workers have ended")
    assert not Path(found[1]).exists(), "what they shared is gone, too"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# -- starts ----------------------------------------------------------------------------------------


def test_a_port_in_use_is_told_and_never_shared(shared: Service, tmp_path: Path) -> None:
    port = shared.client.base_url.port
    for workers in (1, 2):
        with Service(tmp_path, workers=workers, port=port) as second:
            assert second.run().wait(20) == 1
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
        assert f"ended with 3; it is replaced{pause}\n" in service.log
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
