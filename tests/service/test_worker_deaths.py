"""Workers that die, are killed or are told to end, under load."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from artefacts import endless
from raw_http import Raw, request
from service_process import Service, eventually
from workers import GOOD, HOT, connect, filled, pids, put_many, worker_of

if TYPE_CHECKING:
    from collections.abc import Callable


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
