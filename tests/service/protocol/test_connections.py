"""Connections, bodies and clients over raw sockets: both modes behave alike."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.fast_requests import (
    GOOD,
    HOT,
    MAX_BODY,
    SLOW,
    TENSOR,
    V2,
    check_prediction,
    is_waiting,
    url,
)
from support.service.process import Service, eventually
from support.service.raw_http import Raw, chunked, request

if TYPE_CHECKING:
    from collections.abc import Callable


# -- connections -----------------------------------------------------------------------------------


def test_one_connection_carries_many_requests(raw: Raw) -> None:
    for _ in range(3):
        check_prediction(raw.ask(request(HOT, GOOD)))
        assert raw.ask(request("/healthz", method="GET")).json()["status"] == "alive"
        check_prediction(raw.ask(request("/models/threaded/predict", GOOD)), "threaded")


def test_requests_in_one_packet_are_answered_in_order(raw: Raw) -> None:
    asked = [
        request(HOT, GOOD, "X-Request-ID: 1"),
        request("/models/threaded/predict", GOOD, "X-Request-ID: 2"),
        request(HOT, GOOD, "X-Request-ID: 3"),
        request("/healthz", b"", "X-Request-ID: 4", method="GET"),
        request(HOT, b"not json", "X-Request-ID: 5"),
        request(V2, TENSOR, "X-Request-ID: 6"),
        request("/nowhere", b"", "X-Request-ID: 7", method="GET"),
        request("/models/nothing/predict", GOOD, "X-Request-ID: 8"),
        request(HOT, GOOD, "X-Request-ID: 9"),
    ]
    raw.send(b"".join(asked))
    answers = [raw.answer() for _ in asked]
    assert [a.status for a in answers] == [200, 200, 200, 200, 400, 200, 404, 404, 200]
    assert [a.headers["x-request-id"] for a in answers] == [str(n) for n in range(1, 10)]


def test_cheap_answers_do_not_overtake_a_slow_one(raw: Raw) -> None:
    raw.send(request(SLOW, b"[[100000]]") + request(HOT, GOOD) * 2)
    raw.send(request(HOT, GOOD))
    assert raw.answer().json()["model"] == "busy"
    for _ in range(3):
        check_prediction(raw.answer())


def test_hundreds_of_requests_in_one_packet_are_all_answered(raw: Raw) -> None:
    raw.send(request(HOT, GOOD) * 400)
    for _ in range(400):
        check_prediction(raw.answer())


@pytest.mark.parametrize("path", [HOT, "/models/threaded/predict", V2, "/models/nothing/predict"])
def test_connection_is_closed_after_the_answer_when_asked_to(raw: Raw, path: str) -> None:
    body = TENSOR if path == V2 else GOOD
    answer = raw.ask(request(path, body, "Connection: close"))
    assert answer.status == (404 if "nothing" in path else 200)
    assert answer.headers["connection"] == "close"
    assert raw.is_closed()


def test_nothing_is_answered_after_a_request_to_close(service: Service, raw: Raw) -> None:
    before = requests_counted(service)
    raw.send(request(HOT, GOOD, "Connection: close") + request(HOT, GOOD) * 3)
    check_prediction(raw.answer())
    assert raw.is_closed()
    assert requests_counted(service) == before + 1


def requests_counted(service: Service) -> float:
    text = service.client.get("/metrics").text
    return sum(
        float(v) for v in re.findall(r"^inference_requests_total\{.*\} (\S+)", text, re.MULTILINE)
    )


def test_http_1_0_is_answered_and_closed(raw: Raw) -> None:
    answer = raw.ask(request(HOT, GOOD, version="1.0"))
    check_prediction(answer)
    assert raw.is_closed()


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "nonsense"])
def test_an_offer_to_upgrade_is_not_taken(raw: Raw, protocol: str) -> None:
    offer = (f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAA")
    check_prediction(raw.ask(request(HOT, GOOD, *offer)))


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunked_bodies_are_put_together(raw: Raw, size: int) -> None:
    payload = request(HOT, chunked(GOOD, size), "Transfer-Encoding: chunked")
    for _ in range(2):
        check_prediction(raw.ask(payload))
    raw.send(payload * 2)
    for _ in range(2):
        check_prediction(raw.answer())


def test_slow_clients_are_answered(raw: Raw) -> None:
    payload = request(HOT, chunked(GOOD, 40), "Transfer-Encoding: chunked") + request(V2, TENSOR)
    for i in range(len(payload)):
        raw.send(payload[i : i + 1])
    assert raw.answer().json()["model"] == "penguins"
    assert raw.answer().json()["model_name"] == "penguins"


@pytest.mark.parametrize("path", [HOT, V2])
def test_bodies_of_any_size_are_read(raw: Raw, path: str) -> None:
    for size in (100, 16_383, 16_385, 65_535, 65_537, 200_000, MAX_BODY):
        # Blanks within the data, since what a tensor request holds beside it is limited by itself.
        short, last = (TENSOR, b"3750") if path == V2 else (GOOD, b"}")
        body = short.replace(last, last.rjust(size - len(short) + len(last)))
        assert len(body) == max(size, len(short))
        for payload in (
            request(path, body),
            request(path, chunked(body, 10_000), "Transfer-Encoding: chunked"),
        ):
            assert raw.ask(payload).status == 200, size


def test_client_that_expects_100_is_told_to_go_on(raw: Raw) -> None:
    for path, body in ((HOT, GOOD), (V2, TENSOR)):
        head = request(path, body, "Expect: 100-continue").removesuffix(body)
        assert raw.ask(head).status == 100
        assert raw.ask(body).status == 200


def test_an_old_client_gets_no_100_which_it_would_take_for_the_answer(raw: Raw) -> None:
    """Source: RFC 9110, section 10.1.1."""
    for path, body in ((HOT, GOOD), (V2, TENSOR)):
        old = request(path, body, "Expect: 100-continue", "Connection: keep-alive", version="1.0")
        assert raw.ask(old).status == 200, path


def test_client_that_expects_100_is_refused_before_it_sends_too_much(raw: Raw) -> None:
    announced = f"Content-Length: {MAX_BODY + 1}"
    answer = raw.ask(request(HOT, b"", announced, "Expect: 100-continue"))
    assert answer.status == 413


@pytest.mark.parametrize("path", [HOT, V2])
def test_announced_oversize_body_is_refused_unread(raw: Raw, path: str) -> None:
    raw.send(request(path, b"", f"Content-Length: {10**9}") + b" " * 100_000)
    answer = raw.answer()
    assert answer.status == 413
    assert b"300,000" in answer.body


@pytest.mark.parametrize("path", [HOT, V2])
def test_oversize_chunked_body_is_refused_before_it_ends(raw: Raw, path: str) -> None:
    endless = chunked(b" " * (MAX_BODY + 100_000), 50_000).removesuffix(b"0\r\n\r\n")
    answer = raw.ask(request(path, endless, "Transfer-Encoding: chunked"))
    assert answer.status == 413


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "asgi"])
def test_a_small_limit_on_bodies_holds(
    make_service: Callable[..., Service], *, direct: bool
) -> None:
    service = make_service(direct=direct, max_body_bytes=500)
    service.put("penguins/1/model.onnx", penguins())
    service.start()
    with Raw(url(service)) as raw:
        for path, body in ((HOT, GOOD), (V2, TENSOR)):
            for size, status in ((500, 200), (501, 413)):
                payload = chunked(body.ljust(size), 100)
                assert raw.ask(request(path, body.ljust(size))).status == status
                answer = raw.ask(request(path, payload, "Transfer-Encoding: chunked"))
                assert answer.status == status


# -- clients that leave, wait or do not read -------------------------------------------------------


def test_half_closed_client_gets_its_answer(service: Service) -> None:
    for path, body in ((HOT, GOOD), (V2, TENSOR)):
        with Raw(url(service)) as raw:
            raw.send(request(path, body))
            raw.socket.shutdown(socket.SHUT_WR)
            assert raw.answer().status == 200
            assert raw.is_closed()


def test_client_that_leaves_in_the_middle_harms_nobody(service: Service, raw: Raw) -> None:
    for payload in (
        request(HOT, GOOD)[:20],
        request(HOT, GOOD)[:-5],
        request(HOT, GOOD.ljust(100_000))[:-5],
        request(HOT, b"5\r\nab", "Transfer-Encoding: chunked"),
        request(SLOW, b"[[200000]]"),
        request(SLOW, b"[[200000]]") + request(HOT, GOOD),
    ):
        with Raw(url(service)) as leaving:
            leaving.send(payload)
            leaving.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    check_prediction(raw.ask(request(HOT, GOOD)))
    eventually(is_waiting(service, "busy", 0), what="no request waits")
    assert "Traceback" not in service.log


def test_what_a_client_does_not_read_is_not_piled_up(service: Service) -> None:
    before = resident_mib(service)
    payload = request(HOT, b"x" * 50, f"X-Request-ID: {'i' * 128}") * 100
    with Raw(url(service), receive_buffer=4096) as raw:
        complete = flood(raw, payload) * 100
        assert resident_mib(service) < before + 20
        with Raw(url(service)) as other:
            check_prediction(other.ask(request(HOT, GOOD)))
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        seen, tail = 0, b""
        while seen < complete:
            tail += raw.socket.recv(1_000_000)
            seen += tail.count(b"HTTP/1.1 400")
            tail = tail[-11:]


def flood(raw: Raw, payload: bytes) -> int:
    """Send until the service stops reading; give how often all of it went out."""
    raw.socket.settimeout(0.5)
    for times in range(5000):
        try:
            raw.send(payload)
        except TimeoutError:
            raw.socket.settimeout(20)
            return times
    pytest.fail("the service has read everything")


def resident_mib(service: Service) -> float:
    text = service.client.get("/metrics").text
    found = re.search(r"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)
    assert found
    return float(found[1]) / 2**20
