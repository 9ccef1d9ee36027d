"""HTTP over raw sockets, with the direct protocol and without it: both behave alike."""

from __future__ import annotations

import json
import re
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from artefacts import MEASUREMENTS, busy, penguins
from raw_http import Raw, chunked, request
from service_process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raw_http import Answer

GOOD = json.dumps(dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))).encode()
TENSOR = json.dumps(
    {
        "inputs": [
            {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [39.1, 18.7, 181, 3750]}
        ]
    }
).encode()
HOT = "/models/penguins/predict"
V2 = "/v2/models/penguins/infer"
SLOW = "/models/busy/predict"
MAX_BODY = 300_000
# Every model but the penguins' runs in a thread, whatever it was measured to cost.
PLANS = json.dumps({"*": {"mode": "thread"}, "penguins": {"mode": "inline"}})


def filled(service: Service) -> Service:
    """Start a service with three models."""
    service.put("penguins/1/model.onnx", penguins())
    service.put("threaded/1/model.onnx", penguins(seed=1))
    service.put("busy.onnx", busy())
    service.start()
    assert service.client.post("/select-model/", params={"model": "penguins"}).status_code == 200
    return service


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Service]]:
    """Run one service in each mode."""
    services = {
        d: Service(tmp_path_factory.mktemp("http"), direct=d, max_body_bytes=MAX_BODY, plans=PLANS)
        for d in (True, False)
    }
    try:
        yield {direct: filled(service) for direct, service in services.items()}
    finally:
        statuses = [service.stop() for service in services.values() if service.process]
    assert statuses == [0, 0]
    assert not any("Traceback" in service.log for service in services.values())


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
def service(request: pytest.FixtureRequest, both: dict[bool, Service]) -> Service:
    return both[request.param]


@pytest.fixture
def raw(service: Service) -> Iterator[Raw]:
    with Raw(url(service)) as connection:
        yield connection


def url(service: Service) -> str:
    return str(service.client.base_url)


def is_waiting(service: Service, model: str, count: int = 1) -> Callable[[], bool]:
    """Tell whether so many requests of a model have begun and not ended."""
    line = f'inference_waiting_requests{{model="{model}"}} {float(count)}'
    return lambda: line in service.client.get("/metrics").text


def check_prediction(answer: Answer, model: str = "penguins") -> None:
    assert answer.status == 200, answer.body
    assert answer.json()["model"] == model


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
    spelt = request(HOT, chunked(GOOD, size), "Transfer-Encoding: chunked")
    for _ in range(2):
        check_prediction(raw.ask(spelt))
    raw.send(spelt * 2)
    for _ in range(2):
        check_prediction(raw.answer())


def test_slow_clients_are_answered(raw: Raw) -> None:
    spelt = request(HOT, chunked(GOOD, 40), "Transfer-Encoding: chunked") + request(V2, TENSOR)
    for i in range(len(spelt)):
        raw.send(spelt[i : i + 1])
    assert raw.answer().json()["model"] == "penguins"
    assert raw.answer().json()["model_name"] == "penguins"


@pytest.mark.parametrize("path", [HOT, V2])
def test_bodies_of_any_size_are_read(raw: Raw, path: str) -> None:
    for size in (100, 16_383, 16_385, 65_535, 65_537, 200_000, MAX_BODY):
        body = (TENSOR if path == V2 else GOOD).ljust(size)
        for spelt in (
            request(path, body),
            request(path, chunked(body, 10_000), "Transfer-Encoding: chunked"),
        ):
            assert raw.ask(spelt).status == 200, size


def test_client_that_expects_100_is_told_to_go_on(raw: Raw) -> None:
    for path, body in ((HOT, GOOD), (V2, TENSOR)):
        head = request(path, body, "Expect: 100-continue").removesuffix(body)
        assert raw.ask(head).status == 100
        assert raw.ask(body).status == 200


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
                spelt = chunked(body.ljust(size), 100)
                assert raw.ask(request(path, body.ljust(size))).status == status
                answer = raw.ask(request(path, spelt, "Transfer-Encoding: chunked"))
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
    for spelt in (
        request(HOT, GOOD)[:20],
        request(HOT, GOOD)[:-5],
        request(HOT, GOOD.ljust(100_000))[:-5],
        request(HOT, b"5\r\nab", "Transfer-Encoding: chunked"),
        request(SLOW, b"[[200000]]"),
        request(SLOW, b"[[200000]]") + request(HOT, GOOD),
    ):
        with Raw(url(service)) as leaving:
            leaving.send(spelt)
            leaving.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    check_prediction(raw.ask(request(HOT, GOOD)))
    eventually(is_waiting(service, "busy", 0), what="nobody waits")
    assert "Traceback" not in service.log


def test_what_a_client_does_not_read_is_not_piled_up(service: Service) -> None:
    before = resident_mib(service)
    spelt = request(HOT, b"x" * 50, f"X-Request-ID: {'i' * 128}") * 100
    with Raw(url(service), receive_buffer=4096) as raw:
        complete = flood(raw, spelt) * 100
        assert resident_mib(service) < before + 20
        with Raw(url(service)) as other:
            check_prediction(other.ask(request(HOT, GOOD)))
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        seen, tail = 0, b""
        while seen < complete:
            tail += raw.socket.recv(1_000_000)
            seen += tail.count(b"HTTP/1.1 400")
            tail = tail[-11:]


def flood(raw: Raw, spelt: bytes) -> int:
    """Send until the service stops reading; give how often all of it went out."""
    raw.socket.settimeout(0.5)
    for times in range(5000):
        try:
            raw.send(spelt)
        except TimeoutError:
            raw.socket.settimeout(20)
            return times
    pytest.fail("the service has read everything")


def resident_mib(service: Service) -> float:
    text = service.client.get("/metrics").text
    found = re.search(r"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)
    assert found
    return float(found[1]) / 2**20


# -- methods, paths, malformed ---------------------------------------------------------------------


@pytest.mark.parametrize("path", [HOT, V2, "/predict/", "/predict"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused_with_the_right_one(raw: Raw, path: str, method: str) -> None:
    answer = raw.ask(request(path, method=method))
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
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
    "spelt",
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
def test_malformed_requests_are_refused_and_the_connection_closed(raw: Raw, spelt: bytes) -> None:
    raw.send(spelt)
    assert raw.answer().status == 400
    assert raw.is_closed()


def test_malformed_request_behind_a_good_one_closes_the_connection(raw: Raw) -> None:
    check_prediction(raw.ask(request(HOT, GOOD)))
    raw.send(request(HOT, GOOD) + b"nonsense\r\n\r\n")
    rest = b""
    while got := raw.socket.recv(100_000):
        rest += got
    # Whatever was still answered was answered in order: the good one first, if at all.
    assert re.findall(rb"HTTP/1.1 (\d+)", rest) in ([b"200", b"400"], [b"200"], [b"400"], [])


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


@pytest.mark.parametrize("spelt", ALIKE.values(), ids=ALIKE)
def test_both_modes_answer_alike(both: dict[bool, Service], spelt: bytes) -> None:
    answers = []
    for service in both.values():
        with Raw(url(service)) as raw:
            answers.append(raw.ask(spelt))
    direct, asgi = answers
    assert direct.status == asgi.status
    assert direct.body == asgi.body
    vary = {"date", "x-request-id", "server-timing"}
    kept = [[(k, v) for k, v in a.headers.items() if k not in vary] for a in answers]
    assert kept[0] == kept[1]
    assert list(direct.headers) == list(asgi.headers)


# -- shutdown --------------------------------------------------------------------------------------


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
        slow.send(request(SLOW, b"[[700000]]"))
        eventually(is_waiting(service, "busy"), what="the slow request has begun")
        service.process.send_signal(number)
        assert idle.is_closed()
        answer = half.ask(GOOD[-5:])
        check_prediction(answer)
        assert answer.headers["connection"] == "close"
        assert half.is_closed()
        assert slow.answer().json()["model"] == "busy"
        assert slow.is_closed()
    service.client.close()
    assert service.process.wait(10) == 0
    assert "Traceback" not in service.log
