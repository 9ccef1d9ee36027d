"""Workers that live and do not serve: stopped, looping, or in want of a successor."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from support.service.process import Service, children, eventually
from support.service.raw_http import request
from support.service.workers import GOOD, HOT, connect, filled, is_alive, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

# Loops at one signal, asks to be replaced at another.
_CUSTOMIZE = """
import os, signal

def loop(*_):
    while True:
        pass

signal.signal(signal.SIGUSR1, loop)
signal.signal(signal.SIGUSR2, lambda *_: os._exit(75))
"""


@pytest.fixture
def make_frail(
    make_service: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Service]:
    """Make services whose workers can be brought to loop, or to ask for their replacement."""
    (tmp_path / "sitecustomize.py").write_text(_CUSTOMIZE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return make_service


def ask(service: Service) -> int:
    with connect(service) as raw:
        return raw.ask(request(HOT, GOOD)).status


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGUSR1], ids=["stopped", "looping"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_no_longer_serves_is_replaced(
    make_frail: Callable[..., Service], workers: int, number: int
) -> None:
    service = filled(make_frail(workers=workers, heartbeat_seconds=2.5))
    before = service.worker_pids
    victim, others = before[0], before[1:]
    examiners = children(victim)
    assert examiners, "its fork server"
    began = time.monotonic()
    os.kill(victim, number)
    eventually(lambda: victim not in service.worker_pids, within=30, what="it is gone")
    assert time.monotonic() - began > 2, "not before its time"
    eventually(lambda: len(service.worker_pids) == workers, what="a successor")
    assert set(others) < set(service.worker_pids)
    assert f"worker 0 (process {victim}) has not responded for 2.5 s" in service.log
    assert "(INFERENCE_HEARTBEAT_SECONDS) and was killed; it is replaced\n" in service.log
    assert [ask(service) for _ in range(20)] == [200] * 20
    eventually(lambda: not any(map(is_alive, examiners)), what="its fork server ended with it")
    assert service.stop() == 0


def test_a_stopped_worker_costs_its_own_clients_one_request_each(
    make_service: Callable[..., Service],
) -> None:
    service = filled(make_service(workers=2, heartbeat_seconds=1))
    clients, done = load(service, 6)
    os.kill(service.worker_pids[0], signal.SIGSTOP)
    eventually(lambda: "was killed; it is replaced" in service.log, within=30)
    counts = [client.good for client in clients]
    eventually(lambda: all(c.good > n for c, n in zip(clients, counts, strict=True)))
    done.set()
    for client in clients:
        client.join(20)
        assert len(client.failed) <= 1, client.failed
        assert not client.refused


def test_a_service_that_slept_finds_its_workers_healthy(
    make_service: Callable[..., Service],
) -> None:
    """As a laptop does whose lid was closed, or a shell that stops its job and goes on with it."""
    service = filled(make_service(workers=2, heartbeat_seconds=1))
    assert service.process is not None
    workers = service.worker_pids
    everyone = [service.process.pid, *workers]
    for _ in range(2):
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        eventually(lambda at=began: time.monotonic() - at > 2.5)
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)
        began = time.monotonic()
        eventually(lambda at=began: time.monotonic() - at > 1.2)
        assert ask(service) == 200
    assert service.worker_pids == workers
    assert "not responded" not in service.log


def test_nobody_is_watched_where_that_is_turned_off(make_service: Callable[..., Service]) -> None:
    service = filled(make_service(heartbeat_seconds=0))
    (worker,) = service.worker_pids
    os.kill(worker, signal.SIGSTOP)
    began = time.monotonic()
    eventually(lambda: time.monotonic() - began > 1.5)
    os.kill(worker, signal.SIGCONT)
    assert ask(service) == 200
    assert service.worker_pids == [worker]


def test_a_worker_that_asks_for_a_successor_has_one_at_once(
    make_frail: Callable[..., Service],
) -> None:
    service = filled(make_frail())
    for _ in range(4):
        (worker,) = service.worker_pids
        os.kill(worker, signal.SIGUSR2)
        eventually(lambda pid=worker: pid not in service.worker_pids, what="it has ended")
        eventually(lambda: service.worker_pids and ask(service) == 200, within=30)
    assert service.log.count("asked to be replaced; it is replaced\n") == 4


def test_a_shutdown_ends_a_stopped_worker_in_time(make_service: Callable[..., Service]) -> None:
    service = filled(make_service(shutdown_seconds=0.5))
    (worker,) = service.worker_pids
    os.kill(worker, signal.SIGSTOP)
    assert service.stop(within=20) == 0
    assert not is_alive(worker)
