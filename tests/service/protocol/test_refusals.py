"""A refusal reaches a client that is still sending: directly, and through nginx."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from inference.access.api_key import make_key
from support.amount import amount
from support.models.artifacts import penguins
from support.service.fast_requests import GOOD, HOT, V2, check_prediction, url
from support.service.nginx import nginx
from support.service.process import Service, eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long

MAX_BODY = 1_000_000
TIMES = amount("REFUSAL_TIMES", 20)
KEY, ENTRY = make_key("all", ["predict", "admin"])
ROUTES = [
    ("POST", HOT),
    ("POST", V2),
    ("POST", "/v2/repository/models/penguins/load"),
    ("PUT", "/models/penguins/active"),
]


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def keyed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("refusals")
    (root / "keys").write_text(ENTRY)
    with Service(
        root, api_keys_file=root / "keys", direct=request.param, max_body_bytes=MAX_BODY
    ) as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        yield service


@pytest.fixture(scope="module")
def proxy(keyed: Service) -> Iterator[str]:
    with nginx(keyed.root / "nginx", url(keyed)) as address:
        yield address


def ask_at_once(ask: Callable[[int], int]) -> list[int]:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(TIMES)))


def upload(address: str, method: str, path: str, headers: dict[str, str]) -> Callable[[int], int]:
    body = os.urandom(5_000_000)

    def ask(_: int) -> int:
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(method, address + path, content=body, headers=headers).status_code

    return ask


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_key_a_large_body_is_401_through_nginx(
    proxy: str, method: str, path: str
) -> None:
    assert ask_at_once(upload(proxy, method, path, {})) == [401] * TIMES


@pytest.mark.parametrize(("method", "path"), ROUTES[:3])
def test_too_large_a_body_is_413_through_nginx(proxy: str, method: str, path: str) -> None:
    asked = upload(proxy, method, path, {"x-api-key": KEY})
    assert ask_at_once(asked) == [413] * TIMES


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("sent", [100_000, 3_000_000])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_whoever_sends_all_before_reading_gets_the_answer(
    keyed: Service, method: str, path: str, sent: int, version: str
) -> None:
    """As Python's http.client does; the announced length is more than is sent."""
    head = request(path, b"", f"Content-Length: {10**9}", method=method, version=version)
    with Raw(url(keyed)) as raw:
        answer = raw.ask(head + b"x" * sent)
        assert answer.status == 401


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        (b"GET /healthz\r\n\r\n", 400),
        (b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 60_000 + b"\r\n\r\n", 431),
        (b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (request(HOT, b"0\r\n\r\n", "Transfer-Encoding: gzip, chunked"), 400),
        (request(HOT, b"0\r\n\r\n", "Transfer-Encoding: chunked", version="1.0"), 400),
        (request(HOT, b"", *["X: y"] * 126), 401),
        (request(HOT, b"", *["X: y"] * 127), 431),
    ],
)
def test_refused_connections_are_told_why_dated_named_and_counted(
    keyed: Service, payload: bytes, status: int
) -> None:
    before = refusals(keyed, status)
    with Raw(url(keyed)) as raw:
        # More than the kernel holds comes behind it.
        answer = raw.send(payload + b"x" * 500_000).answer() if status != 401 else raw.ask(payload)
    assert answer.status == status
    assert answer.headers["date"]
    assert answer.headers["x-request-id"]
    if status != 401:
        assert answer.headers["connection"] == "close"
        assert refusals(keyed, status) == before + 1
    with Raw(url(keyed)) as other:
        check_prediction(other.ask(request(HOT, GOOD, f"X-API-Key: {KEY}")))
    assert "Traceback" not in keyed.log


def refusals(service: Service, status: int) -> float:
    text = service.client.get("/metrics", headers={"x-api-key": KEY}).text
    begin = f'inference_refused_connections_total{{status="{status}"}} '
    return sum(float(line[len(begin) :]) for line in text.splitlines() if line.startswith(begin))


def test_one_address_leaves_connections_to_others(make_service: Callable[..., Service]) -> None:
    service = make_service(max_connections=8, host="127.0.0.1")  # so 6 for one address
    service.start()
    service.client.close()
    payload = request("/healthz", method="GET")
    first: list[Raw] = []
    try:
        for _ in range(6):  # one after the other: the client's own has ended before the last
            first.append(Raw(url(service)))
            assert first[-1].ask(payload).status == 200
        with Raw(url(service)) as further:
            answer = further.answer()
            assert answer.status == 429
            assert answer.headers["retry-after"] == "1"
            assert b"INFERENCE_MAX_CONNECTIONS_PER_ADDRESS" in answer.body
        with Raw(url(service), source="127.0.0.2") as other:
            assert other.ask(payload).status == 200
        first.pop().close()

        def is_let_in() -> bool:
            with Raw(url(service)) as again:
                return again.ask(payload).status == 200

        eventually(is_let_in)
    finally:
        for one in first:
            one.close()


def test_a_hard_limit_on_files_is_told_and_refusals_by_it_are_answered(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(max_connections_per_address=0)
    service.under = ["prlimit", "--nofile=128:128"]
    service.start()
    assert "only 64 connections at a time instead of 4096" in service.log
    assert "raise this hard limit (ulimit -n) to 4352" in service.log
    opened = [Raw(url(service)) for _ in range(63)]  # and the client's own
    try:
        with Raw(url(service)) as further:
            assert further.answer().status == 503
    finally:
        for one in opened:
            one.close()


def test_many_connections_are_refused_in_time(make_service: Callable[..., Service]) -> None:
    """Far more than the limit, while those that were refused linger."""
    service = make_service(max_connections=10, max_connections_per_address=0).start()
    script = (
        "import socket, sys\n"
        "place = ('127.0.0.1', int(sys.argv[1]))\n"
        "opened = [socket.create_connection(place, timeout=20) for _ in range(400)]\n"
        "print(sum(b' 503 ' in one.recv(100) for one in opened[10:]))\n"
    )
    port = str(service.client.base_url.port)
    seen = subprocess.run(
        [sys.executable, "-c", script, port], capture_output=True, timeout=60, check=True
    )
    assert int(seen.stdout) >= 389
    assert eventually(lambda: service.client.get("/healthz").status_code == 200)
