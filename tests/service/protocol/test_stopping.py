"""The shutdown: accepted connections are answered, and no client can delay it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.models.artifacts import penguins
from support.service.fast_requests import (
    GOOD,
    HOT,
    PLANS,
    SLOW,
    check_prediction,
    filled,
    is_waiting,
    url,
)
from support.service.process import Service, eventually
from support.service.raw_http import Raw, request
from support.service.workers import worker_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

RUNS = amount("STOP_RUNS", 2)
CLIENTS = 6
ASKED = request(HOT, GOOD, "Connection: close")


class Fresh(threading.Thread):
    """Asks again and again, each time on a new connection, until none is to be had."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.answered = 0
        self.failure = ""

    def run(self) -> None:
        while not self.failure:
            try:
                raw = Raw(self.address)
            except (ConnectionRefusedError, TimeoutError):
                return
            with raw:
                try:
                    status = raw.ask(ASKED).status
                except Exception as error:  # noqa: BLE001 - it is what is looked for
                    self.failure = repr(error)
                    return
            self.answered += 1
            self.failure = "" if status == 200 else str(status)


@pytest.mark.parametrize("run", range(RUNS))
@pytest.mark.parametrize("workers", [1, 2])
def test_fresh_connections_lose_nothing(tmp_path: Path, run: int, workers: int) -> None:
    with Service(tmp_path / str(run), workers=workers, direct=run % 2 == 0) as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        clients = [Fresh(url(service)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        eventually(lambda: sum(client.answered for client in clients) > 200, within=60)
        assert service.stop() == 0
        for client in clients:
            client.join(30)
        assert [client.failure for client in clients] == [""] * CLIENTS
        assert "Traceback" not in service.log


def test_what_waits_to_be_accepted_is_answered(make_service: Callable[..., Service]) -> None:
    """The worker is stopped meanwhile, so that the kernel alone completes the handshakes."""
    service = make_service(heartbeat_seconds=0)
    service.put("penguins/1/model.onnx", penguins())
    service.start()
    (worker,) = service.worker_pids
    service.client.close()
    assert service.process is not None
    os.kill(worker, signal.SIGSTOP)
    waiting = [Raw(url(service)).send(ASKED) for _ in range(200)]
    service.process.send_signal(signal.SIGTERM)
    os.kill(worker, signal.SIGTERM)
    os.kill(worker, signal.SIGCONT)
    try:
        for one in waiting:
            check_prediction(one.answer())
    finally:
        for one in waiting:
            one.close()
    assert service.process.wait(20) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_while_it_drains_it_is_unready_and_answers(
    make_service: Callable[..., Service], workers: int
) -> None:
    service = make_service(drain_seconds=6, workers=workers)
    service.put("penguins/1/model.onnx", penguins())
    service.start()
    assert service.process is not None
    with Raw(url(service)) as kept:
        check_prediction(kept.ask(request(HOT, GOOD)))
        begin = time.monotonic()
        service.process.send_signal(signal.SIGTERM)

        def is_unready() -> bool:
            with Raw(url(service)) as asking:
                answer = asking.ask(request("/readyz", method="GET"))
                return answer.status == 503 and answer.json()["status"] == "stopping"

        # Each connection may come to the other worker, which hears of the signal a little later.
        eventually(lambda: all(is_unready() for _ in range(20)))
        with Raw(url(service)) as asking:
            assert asking.ask(request("/v2/health/ready", method="GET")).status == 503
        for one in (kept, Raw(url(service))):
            with one:
                answer = one.ask(request(HOT, GOOD))
                check_prediction(answer)
                assert answer.headers["connection"] == "close"
                assert one.is_closed()
    service.client.close()
    assert service.process.wait(30) == 0
    assert time.monotonic() - begin > 6


def hang_in_body(service: Service) -> Raw:
    return Raw(url(service)).send(request(HOT, GOOD)[:-5])


def hang_in_large_body(service: Service) -> Raw:
    return Raw(url(service)).send(request(HOT, b" " * 200_000)[:-5])


def hang_in_head(service: Service) -> Raw:
    return Raw(url(service)).send(request(HOT, GOOD)[:20])


def do_not_read(service: Service) -> Raw:
    raw = Raw(url(service), receive_buffer=4096)
    raw.socket.settimeout(0.5)
    payload = request("/openapi.json", method="GET") * 100
    try:
        for _ in range(1000):
            raw.send(payload)
    except TimeoutError:
        return raw
    pytest.fail("the service has read everything")


def run_for_long(service: Service) -> Raw:
    raw = Raw(url(service)).send(request(SLOW, b"[[20000000]]"))
    eventually(is_waiting(service, "busy"), what="the run has begun")
    return raw


def linger(service: Service) -> Raw:
    return Raw(url(service)).send(b"nonsense\r\n\r\n")


HANGING = [hang_in_body, hang_in_large_body, hang_in_head, do_not_read, run_for_long, linger]


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "asgi"])
def test_no_client_can_put_the_end_off(
    make_service: Callable[..., Service], *, direct: bool
) -> None:
    service = filled(make_service(direct=direct, plans=PLANS, shutdown_seconds=2))
    assert service.process is not None
    hanging = [hang(service) for hang in HANGING]
    service.client.close()
    begin = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    service.process.wait(30)
    # Its two seconds, those of the supervisor's patience, and a busy machine's.
    assert time.monotonic() - begin < 15
    for one in hanging:
        one.close()


def test_a_worker_that_is_ended_by_hand_has_a_successor_that_lets_in(
    make_service: Callable[..., Service],
) -> None:
    """Although its predecessor has closed the socket for new connections."""
    service = make_service().start()

    def worker() -> int:
        with Raw(url(service)) as raw:
            return worker_of(raw)

    first = worker()
    os.kill(first, signal.SIGTERM)

    def is_succeeded() -> bool:
        with contextlib.suppress(AssertionError):  # a worker that ends answers and closes
            return worker() != first
        return False

    eventually(is_succeeded, within=30)


def test_new_connections_are_refused_once_it_has_ended(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    host, port = service.client.base_url.host, service.client.base_url.port
    assert service.stop() == 0
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host, port)):
        pass
