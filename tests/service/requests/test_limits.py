"""Each limit on connections, headers and time has a clear answer and affects only its client."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long

RECORD = dict(zip(MEASUREMENTS, [39.1, 18.7, 181.0, 3750.0], strict=True))
BODY = json.dumps(RECORD).encode()
PATHS = ["/models/m/predict", "/v2/models/m/infer", "/models"]
CHUNKED = b"POST /models/m/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def start(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Service]]:
    """Start services with limits on sizes, and on times as given."""
    sizes = {"max_header_bytes": 4096, "max_body_bytes": 100_000_000, "max_rows": 10_000_000}
    with contextlib.ExitStack() as stack:

        def make(**times: float) -> Service:
            root = tmp_path_factory.mktemp("limits")
            made = Service(root, direct=request.param, **sizes, **times)
            made.put("m.onnx", penguins())
            stack.callback(made.stop)
            return made.start()

        yield make


@pytest.fixture(scope="module")
def service(start: Callable[..., Service]) -> Service:
    """A service that waits half a second for a head, and three for a body."""
    return start(head_seconds=0.5, body_seconds=3)


@pytest.fixture(scope="module")
def patient(start: Callable[..., Service]) -> Service:
    """A service that waits for clients that a busy machine delays."""
    return start(head_seconds=60, body_seconds=60)


@pytest.fixture
def connect(service: Service) -> Iterator[Callable[[], socket.socket]]:
    with opening(service) as open_one:
        yield open_one


@pytest.fixture
def connect_to_patient(patient: Service) -> Iterator[Callable[[], socket.socket]]:
    with opening(patient) as open_one:
        yield open_one


@contextlib.contextmanager
def opening(service: Service) -> Iterator[Callable[[], socket.socket]]:
    """Give a function that connects; all connections end with the context."""
    opened: list[socket.socket] = []

    def open_one() -> socket.socket:
        url = service.client.base_url
        opened.append(socket.create_connection((url.host, url.port), timeout=20))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def head(path: str = "/models/m/predict", length: int = len(BODY), more: bytes = b"") -> bytes:
    method = "GET" if path == "/models" else "POST"
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n".encode() + more


def read_all(connection: socket.socket) -> bytes:
    """Read until the service closes the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        assert received  # what was sent after the refusal is not read any more
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body_of(answer: bytes) -> dict[str, object]:
    document: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return document


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("pieces", [1, 3, 200])
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""])
def test_a_large_head_is_refused(
    connect_to_patient: Callable[[], socket.socket], path: str, pieces: int, end: bytes
) -> None:
    whole = head(path, more=b"X-Large: " + b"x" * 8000 + end)
    connection = connect_to_patient()
    step = len(whole) // pieces + 1
    with contextlib.suppress(OSError):  # it is refused before all has been sent
        for at in range(0, len(whole), step):
            connection.sendall(whole[at : at + step])
    answer = read_all(connection)
    assert status_of(answer) == 431
    assert b"connection: close" in answer
    reason = "INFERENCE_MAX_HEADER_BYTES"
    assert reason in str(body_of(answer)["error" if path.startswith("/v2") else "detail"])


def test_many_small_headers_and_a_long_path_count(
    connect_to_patient: Callable[[], socket.socket],
) -> None:
    for large in (
        head(more=b"".join(b"x-%d: y\r\n" % n for n in range(900)) + b"\r\n"),
        head("/models/m/predict?" + "x" * 5000, more=b"\r\n"),
    ):
        connection = connect_to_patient()
        connection.sendall(large)
        assert status_of(read_all(connection)) == 431


def test_a_large_body_in_one_packet_with_its_head_is_no_large_head(
    connect_to_patient: Callable[[], socket.socket],
) -> None:
    body = json.dumps([RECORD] * 300).encode()
    connection = connect_to_patient()
    connection.sendall(head(length=len(body), more=b"Connection: close\r\n\r\n") + body)
    assert status_of(read_all(connection)) == 200


@pytest.mark.parametrize("what", [b"X-More: x\r\n" * 1000, b"X-Long: " + b"x" * 100_000])
def test_trailers_are_bounded(connect_to_patient: Callable[[], socket.socket], what: bytes) -> None:
    connection = connect_to_patient()
    sent = CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
    connection.sendall(sent)
    with contextlib.suppress(OSError):  # it is refused before all has been sent
        for at in range(0, len(what), 1000):
            connection.sendall(what[at : at + 1000])
    assert status_of(read_all(connection)) == 431


def test_chunks_are_no_headers(connect_to_patient: Callable[[], socket.socket]) -> None:
    """However many pieces the body comes in."""
    connection = connect_to_patient()
    connection.sendall(CHUNKED.replace(b"Host", b"Connection: close\r\nHost"))
    body = json.dumps([RECORD] * 100).encode()
    for at in range(0, len(body), 7):
        piece = body[at : at + 7]
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")
    assert status_of(read_all(connection)) == 200


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"P", head()[:40], head(more=b"X-Slow: 1\r\n")])
def test_a_head_that_does_not_end_is_given_up(
    connect: Callable[[], socket.socket], sent: bytes
) -> None:
    connection = connect()
    connection.sendall(sent)
    answer = read_all(connection)
    assert status_of(answer) == 408
    assert "INFERENCE_HEAD_SECONDS" in str(body_of(answer)["detail"])


def test_a_drip_of_bytes_does_not_help(
    connect: Callable[[], socket.socket], service: Service
) -> None:
    """The time is that of the whole head, however often a byte comes."""
    connection = connect()
    answer = b""

    def drip() -> bool:
        nonlocal answer
        try:
            connection.sendall(b"X")
            connection.settimeout(0.01)
            answer += connection.recv(4096)
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    connection.sendall(b"GET /models HTTP/1.1\r\nX-Slow: ")
    eventually(drip, within=20)
    assert answer == b"" or status_of(answer) == 408
    assert service.client.get("/models").status_code == 200


@pytest.mark.parametrize(
    ("path", "length"),
    [
        *((path, length) for path in PATHS[:2] for length in (1000, 1_000_000)),
        *(("/v2/repository/index", length) for length in (1000, 60_000)),
    ],
)
def test_a_body_that_does_not_end_is_given_up(
    connect: Callable[[], socket.socket], path: str, length: int
) -> None:
    connection = connect()
    connection.sendall(head(path, length, b"\r\n") + b" " * (length - 1))
    answer = read_all(connection)
    assert status_of(answer) == 408
    assert answer.count(b"HTTP/1.1") == 1
    detail = body_of(answer)["error" if path.startswith("/v2") else "detail"]
    assert "INFERENCE_BODY_SECONDS" in str(detail)


def test_a_body_that_was_refused_is_not_waited_for_for_ever(
    connect: Callable[[], socket.socket],
) -> None:
    connection = connect()
    connection.sendall(head(length=200_000_000, more=b"\r\n") + b" " * 100_000)
    answer = read_all(connection)
    assert status_of(answer) == 413
    assert answer.count(b"HTTP/1.1") == 1


def test_a_slow_second_request_does_not_cost_the_first_its_answer(
    connect: Callable[[], socket.socket],
) -> None:
    connection = connect()
    connection.sendall(head(more=b"\r\n") + BODY + head()[:30])
    answer = read_all(connection)
    assert status_of(answer) == 200
    assert answer.count(b"HTTP/1.1") == 2
    assert b"HTTP/1.1 408" in answer


def test_a_client_that_does_not_read_is_given_up(
    service: Service, connect: Callable[[], socket.socket]
) -> None:
    """Its answers do not stay in memory for ever."""
    connection = connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    body = json.dumps([list(RECORD.values())] * 60_000).encode()  # few bytes for a long answer
    connection.sendall(head(length=len(body), more=b"\r\n") + body)

    def is_gone() -> bool:
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        except OSError:
            return True
        return False

    eventually(is_gone, within=60, what="the connection is closed")
    assert service.client.get("/healthz").status_code == 200


def test_what_is_no_http_is_told_so(connect_to_patient: Callable[[], socket.socket]) -> None:
    connection = connect_to_patient()
    connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
    answer = read_all(connection)
    assert status_of(answer) == 400
    assert b"application/problem+json" in answer


def test_too_many_connections_are_refused_and_room_is_found_again(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(max_connections=5).start()
    service.client.close()
    url = service.client.base_url
    place = (url.host, url.port)
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    several = [socket.create_connection(place, timeout=20) for _ in range(5)]
    for one in several[:4]:
        one.sendall(request[:10])
    with socket.create_connection(place, timeout=20) as further:
        answer = read_all(further)
        assert status_of(answer) == 503
        assert b"retry-after: 1" in answer
        assert body_of(answer)["title"] == "Overloaded"
    for one in several:
        one.close()

    def is_let_in() -> bool:
        with socket.create_connection(place, timeout=20) as again:
            again.sendall(request)
            return status_of(read_all(again)) == 200

    eventually(is_let_in)
    assert "more connections than the service takes on" in service.log
