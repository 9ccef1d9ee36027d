"""Workers that die, are killed or are stopped, under load."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.models.hostile_models import endless
from support.service.process import Service, children, descendants, eventually
from support.service.raw_http import request
from support.service.workers import (
    GOOD,
    HOT,
    connect,
    filled,
    is_alive,
    load,
    pids,
    put_many,
    worker_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


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
    assert time.monotonic() - died < 25, "0.3 s on a machine that has time"
    assert f"(process {victim}) was ended by SIGKILL" in service.log
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
        eventually(lambda: "shutting down" in service.log, what="the end has begun")
        assert raw.ask(GOOD[-1:]).status == 200
    service.client.close()
    assert service.process.wait(15) == 0
    assert "Traceback" not in service.log


def test_workers_end_when_their_supervisor_is_killed(make_service: Callable[..., Service]) -> None:
    service = filled(make_service(workers=2))
    workers = pids(service)
    examiners = [examiner for worker in workers for examiner in children(worker)]
    assert len(examiners) == len(workers)
    service.stop(signal.SIGKILL)
    everyone = [*workers, *examiners]
    eventually(lambda: not any(map(is_alive, everyone)), what="all of them have ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@pytest.mark.parametrize("after", ["models: ", "Swagger: ", "Waiting for application startup"])
def test_a_signal_during_the_start_leaves_nothing_behind(
    make_service: Callable[..., Service], after: str, number: int
) -> None:
    service = make_service(workers=2, log_level="debug")
    service.put("m/1/model.onnx", penguins())
    process = service.run()
    eventually(lambda: after in service.log, within=60, every=0.002)
    everyone = descendants(process.pid)
    process.send_signal(number)
    assert process.wait(20) in (0, -number)
    eventually(lambda: not any(map(is_alive, everyone)), what="all of them have ended")
    assert "Traceback" not in service.log


def test_a_worker_that_finds_the_keys_invalid_says_so_and_serves_once_they_are_valid(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(make_key("a", ["predict"])[1])
    service = make_service(api_keys_file=keys).start()
    keys.write_text("no key")
    (worker,) = service.worker_pids
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: f"the worker ends: INFERENCE_API_KEYS_FILE: {keys}: line 1" in service.log)
    assert "Traceback" not in service.log
    key, line = make_key("b", ["predict"])
    keys.write_text(line)

    def is_served() -> bool:
        try:
            answer = service.client.get("/models", headers={"x-api-key": key}, timeout=1)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    eventually(is_served, what="a successor")
