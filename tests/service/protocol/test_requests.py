"""Methods, paths, ids, both modes side by side, and the end, over raw sockets."""

from __future__ import annotations

import re
import select
import signal
from typing import TYPE_CHECKING

import pytest

from support.service.fast_requests import (
    GOOD,
    HOT,
    MAX_BODY,
    PLANS,
    SLOW,
    TENSOR,
    V2,
    check_prediction,
    filled,
    is_waiting,
    url,
)
from support.service.process import Service, eventually
from support.service.raw_http import Raw, chunked, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.raw_http import Answer


# -- methods, paths, malformed ---------------------------------------------------------------------


@pytest.mark.parametrize("path", [HOT, V2, "/predict/", "/predict"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused_with_the_right_one(raw: Raw, path: str, method: str) -> None:
    answer = raw.ask(request(path, method=method))
    assert answer.status == 405
    assert answer.headers["allow"] == "POST, OPTIONS"
    check_prediction(raw.ask(request(HOT, GOOD)))


def test_head_has_no_body(raw: Raw) -> None:
    answer = raw.send(request(HOT, method="HEAD")).answer(head=True)
    assert answer.status == 405
    check_prediction(raw.ask(request(HOT, GOOD)))


@pytest.mark.parametrize(
    "path",
    [
        "/predict",
        "/predict/?a=b&c=%20d",
        f"{HOT}/",
        f"{HOT}?x=/models/nothing/predict",
        "/models/penguin%73/predict",
        "/models/penguins/versions/1/predict",
        "/models%2Fpenguins/predict",
        "http://test/models/penguins/predict",
    ],
)
def test_spellings_of_a_path_mean_the_same(raw: Raw, path: str) -> None:
    check_prediction(raw.ask(request(path, GOOD)))


@pytest.mark.parametrize(
    "path",
    [
        "/models/%C3%A4%FF/predict",
        "/models/%00/predict",
        "/models//predict",
        "/models/a%2Fb/predict",
        "/PREDICT/",
        "/predict//x",
        "/models/penguins/versions/0/predict",
        f"/models/{'a' * 5000}/predict",
        "/models/%zz/predict",
        "/v2/models/%2e%2e/infer",
    ],
)
def test_wrong_paths_are_not_found(raw: Raw, path: str) -> None:
    assert raw.ask(request(path, GOOD)).status == 404
    check_prediction(raw.ask(request(HOT, GOOD)))


@pytest.mark.parametrize(
    "payload",
    [
        b"nonsense\r\n\r\n",
        request(HOT, GOOD, "Content-Length: x"),
        request(HOT, GOOD, "Content-Length: 1", "Content-Length: 2"),
        request(HOT, GOOD, "Content-Length: 5", "Transfer-Encoding: chunked"),
        request(HOT, b"zz\r\n", "Transfer-Encoding: chunked"),
        request(HOT, GOOD, "Bad Header: 1"),
        request("/models/\xff/predict", GOOD),
        request(HOT, GOOD, version="9.9"),
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_malformed_requests_are_refused_and_the_connection_closed(raw: Raw, payload: bytes) -> None:
    raw.send(payload)
    assert raw.answer().status == 400
    assert raw.is_closed()


@pytest.mark.parametrize("path", [HOT, "/models"])
def test_requests_in_front_of_a_malformed_one_are_answered(raw: Raw, path: str) -> None:
    """Then the connection is closed; the last request may be refused without an answer."""
    method, body = ("GET", b"") if path == "/models" else ("POST", GOOD)
    raw.send(request(path, body, method=method) * 2 + b"nonsense\r\n\r\n")
    rest = b""
    while got := raw.socket.recv(100_000):
        rest += got
    statuses = re.findall(rb"HTTP/1.1 (\d+)", rest)
    assert statuses[:2] == [b"200"] * 2
    assert statuses[2:] in ([], [b"400"])


# -- ids and timings -------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["abc-1", "A._:/+=-9", "x" * 128])
def test_request_ids_are_taken_over(raw: Raw, given: str) -> None:
    for path, body in ((HOT, GOOD), (HOT, b"bad"), (V2, TENSOR), ("/predict/", GOOD)):
        answer = raw.ask(request(path, body, f"X-Request-ID: {given}"))
        assert answer.headers.get_all("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "\xe4", 'a"b', "a;b", "a,b"])
def test_other_request_ids_are_replaced(raw: Raw, given: str) -> None:
    seen = set()
    for path, body in ((HOT, GOOD), (HOT, GOOD), (HOT, b"bad"), (V2, TENSOR)):
        answer = raw.ask(request(path, body, f"X-Request-ID: {given}"))
        (made,) = answer.headers.get_all("x-request-id", [])
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", made)
        seen.add(made)
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("path", "body"), [(HOT, GOOD), (HOT, b"bad"), (V2, TENSOR), (SLOW, b"[[20000]]")]
)
def test_server_timing_tells_where_the_time_went(raw: Raw, path: str, body: bytes) -> None:
    answer = raw.ask(request(path, body))
    phases = timing(answer)
    assert list(phases) == ["parse", "queue", "infer", "encode"]
    assert all(0 <= ms < 60_000 for ms in phases.values())
    if path == SLOW:
        assert phases["infer"] > 5
    if body != b"bad":
        assert phases["infer"] > 0


def timing(answer: Answer) -> dict[str, float]:
    entries = answer.headers["server-timing"].split(", ")
    found = [re.fullmatch(r"([a-z]+);dur=(\d+\.\d{3})", entry) for entry in entries]
    return {m[1]: float(m[2]) for m in found if m}


# -- both modes ------------------------------------------------------------------------------------

ALIKE = {
    "good": request("/predict/", GOOD),
    "close": request("/predict/", GOOD, "Connection: close"),
    "many": request(HOT, b"[" + b",".join([GOOD] * 50) + b"]"),
    "large": request(HOT, b"[" + b",".join([GOOD] * 1500) + b"]"),
    "threaded": request("/models/threaded/predict", GOOD),
    "no contract": request(SLOW, b"[[5]]"),
    "faults": request(HOT, b'[{"bill_length_mm": "x"}, {}]'),
    "no json": request(HOT, b"{"),
    "empty": request(HOT),
    "no model": request("/models/pengins/predict", GOOD),
    "no version": request("/models/penguins/versions/7/predict", GOOD),
    "tensor": request(V2, TENSOR),
    "bad tensor": request(V2, b"{}"),
    "tensor of no model": request("/v2/models/nothing/infer", TENSOR),
    "compressed": request(V2, TENSOR, "Accept-Encoding: gzip"),
    "wrong coding": request(V2, TENSOR, "Content-Encoding: gzip"),
    "method": request(HOT, method="GET"),
    "chunked": request(HOT, chunked(GOOD, 9), "Transfer-Encoding: chunked"),
    "oversize": request(HOT, b" " * 70_000, f"Content-Length: {MAX_BODY + 1}"),
    "1.0": request(HOT, GOOD, version="1.0"),
    "malformed": b"nonsense\r\n\r\n",
}


@pytest.mark.parametrize("payload", ALIKE.values(), ids=ALIKE)
def test_both_modes_answer_alike(both: dict[bool, Service], payload: bytes) -> None:
    answers = []
    for service in both.values():
        with Raw(url(service)) as raw:
            answers.append(raw.ask(payload))
    direct, asgi = answers
    assert direct.status == asgi.status
    assert direct.body == asgi.body
    vary = {"date", "x-request-id", "server-timing"}
    kept = [[(k, v) for k, v in a.headers.items() if k not in vary] for a in answers]
    assert kept[0] == kept[1]
    assert list(direct.headers) == list(asgi.headers)


# -- shutdown --------------------------------------------------------------------------------------


def begin_slowly(service: Service, raw: Raw) -> None:
    """Send a slow request, and again if it has ended before it was seen to run."""

    def has_begun() -> bool:
        if is_waiting(service, "busy")():
            return True
        if select.select([raw.socket], [], [], 0)[0]:
            assert raw.answer().status == 200
            raw.send(request(SLOW, b"[[700000]]"))
        return False

    raw.send(request(SLOW, b"[[700000]]"))
    eventually(has_begun, what="the slow request has begun")


@pytest.mark.parametrize(
    ("number", "direct"), [(signal.SIGTERM, True), (signal.SIGTERM, False), (signal.SIGINT, True)]
)
def test_what_has_begun_is_answered_at_shutdown(
    make_service: Callable[..., Service], number: signal.Signals, *, direct: bool
) -> None:
    service = filled(make_service(direct=direct, plans=PLANS))
    assert service.process is not None
    with Raw(url(service)) as half, Raw(url(service)) as slow, Raw(url(service)) as idle:
        check_prediction(idle.ask(request(HOT, GOOD)))
        half.send(request(HOT, GOOD)[:-5])
        begin_slowly(service, slow)
        service.process.send_signal(number)
        assert idle.is_closed()
        answer = half.ask(GOOD[-5:])
        check_prediction(answer)
        assert answer.headers["connection"] == "close"
        assert half.is_closed()
        assert slow.answer().json()["model"] == "busy"
        assert slow.is_closed()
    service.client.close()
    assert service.process.wait(30) == 0
    assert "Traceback" not in service.log
