"""Connections between two requests: how long they stay, and how they end without a loss."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.models.artifacts import penguins
from support.service.fast_requests import GOOD, HOT, TENSOR, V2, check_prediction, url
from support.service.nginx import nginx
from support.service.process import eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.slow

REQUESTS = amount("KEPT_REQUESTS", 500)
KEEP_ALIVE_SECONDS = 1  # of this module's services
STATED = "timeout=1"
GET = request("/healthz", method="GET")
_PAUSE = threading.Event()


@pytest.mark.parametrize("payload", [request(HOT, GOOD), request(V2, TENSOR), GET])
def test_every_answer_says_how_long_its_connection_stays(served: Service, payload: bytes) -> None:
    with Raw(url(served)) as raw:
        for _ in range(3):  # from the third on its head is known
            answer = raw.ask(payload)
            assert answer.status == 200
            assert answer.headers.get_all("connection") == ["keep-alive"]
            assert answer.headers.get_all("keep-alive") == [STATED]


@pytest.mark.parametrize("payload", [request(HOT, b"x"), request("/no", method="GET")])
def test_errors_say_so_too(served: Service, payload: bytes) -> None:
    with Raw(url(served)) as raw:
        assert raw.ask(payload).headers["keep-alive"] == STATED


@pytest.mark.parametrize("path", [HOT, "/healthz"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_that_closes_does_not(served: Service, path: str, version: str) -> None:
    method = "GET" if path == "/healthz" else "POST"
    payload = request(path, GOOD, "Connection: close", method=method, version=version)
    with Raw(url(served)) as raw:
        answer = raw.ask(payload if method == "POST" else payload.removesuffix(GOOD))
        assert answer.headers.get_all("connection") == ["close"]
        assert "keep-alive" not in answer.headers
        assert raw.is_closed()


@pytest.mark.parametrize("asked", ["keep-alive", "Keep-Alive", "Keep-Alive, TE"])
def test_http_1_0_stays_open_where_it_is_asked_to(served: Service, asked: str) -> None:
    payload = request(HOT, GOOD, f"Connection: {asked}", version="1.0")
    with Raw(url(served)) as raw:
        for _ in range(3):
            answer = raw.ask(payload)
            check_prediction(answer)
            assert answer.headers.get_all("connection") == ["keep-alive"]
            assert answer.headers["keep-alive"] == STATED
            assert "transfer-encoding" not in answer.headers
        last = raw.ask(request("/healthz", method="GET", version="1.0"))
        assert last.headers["connection"] == "close"
        assert raw.is_closed()


def test_an_idle_connection_ends_after_what_was_told_and_without_a_reset(served: Service) -> None:
    with Raw(url(served)) as raw:
        check_prediction(raw.ask(request(HOT, GOOD)))
        _PAUSE.wait(1.2)  # the answer states 1 s
        check_prediction(raw.ask(request(HOT, GOOD)))
        assert raw.socket.recv(1) == b""  # the end, within the socket's time
        raw.send(request(HOT, GOOD))  # too late: it is dropped, and the client is not reset
        assert raw.socket.recv(1) == b""


@pytest.mark.parametrize("through_nginx", [False, True], ids=["directly", "nginx"])
def test_no_request_is_lost_when_connections_are_about_to_end(
    served: Service, *, through_nginx: bool
) -> None:
    """Each client pauses for the stated time, or 50 ms less or more."""
    if not through_nginx:
        assert asyncio.run(ask_again(url(served))) == [200] * REQUESTS
        return
    with nginx(served.root / "nginx", url(served), keep=REQUESTS) as address:
        assert asyncio.run(ask_again(address)) == [200] * REQUESTS


async def ask_again(address: str) -> list[int]:
    asked = [asyncio.create_task(_ask_twice(address, place)) for place in range(REQUESTS)]
    return await asyncio.gather(*asked)


async def _ask_twice(address: str, place: int) -> int:
    host, _, port = address.removeprefix("http://").rstrip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        first = await _ask(reader, writer)
        if first != 200:
            return first
        await asyncio.sleep(0.95 + 0.1 * place / REQUESTS)
        return await _ask(reader, writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    writer.write(request(HOT, GOOD))
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split()[1])


def test_what_has_come_before_a_connection_ends_is_answered(served: Service) -> None:
    """The worker stands still for longer than the connection may be idle."""
    (worker,) = served.worker_pids
    with Raw(url(served)) as raw:
        check_prediction(raw.ask(request(HOT, GOOD)))
        os.kill(worker, signal.SIGSTOP)
        try:
            _PAUSE.wait(2.8)
            raw.send(request(HOT, GOOD))
            _PAUSE.wait(0.5)
        finally:
            os.kill(worker, signal.SIGCONT)
        check_prediction(raw.answer())


def test_a_connection_of_age_is_closed_behind_its_next_answer(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(max_connection_seconds=0.5)
    service.put("penguins/1/model.onnx", penguins())
    service.start()
    with Raw(url(service)) as raw:
        payload = request(HOT, GOOD)
        assert raw.ask(payload).headers["connection"] == "keep-alive"
        answers = []
        eventually(
            lambda: answers.append(raw.ask(payload)) or answers[-1].headers["connection"] == "close"
        )
        assert all(answer.status == 200 for answer in answers)
        assert raw.is_closed()
