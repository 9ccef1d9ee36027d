"""The table of attackers over HTTP: messages across routes.

Each is run as a process of its own, see :mod:`attackers.attack`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from attackers.target import Target

ATTACKS: dict[str, Callable[[Target], None]] = {}
CROWDED: set[str] = set()  # attacks on a service with hundreds of models

_PREDICT = "/models/good/predict"
_INFER = "/v2/models/good/infer"
_MIB = 1024 * 1024
_JSON = "Content-Type: application/json"


def attack(function: Callable[[Target], None]) -> Callable[[Target], None]:
    """Put an attacker into the table."""
    ATTACKS[function.__name__] = function
    return function


def crowded(function: Callable[[Target], None]) -> Callable[[Target], None]:
    """Put an attacker into the table that needs hundreds of models."""
    CROWDED.add(function.__name__)
    return attack(function)


# -- messages --------------------------------------------------------------------------------------


@attack
def pipelined_without_key(target: Target) -> None:
    target.flood(target.request(_PREDICT, keyed=False) * 5000)


@attack
def pipelined_without_key_on_other_routes(target: Target) -> None:
    target.flood(target.request("/models", method="GET", keyed=False) * 5000)


@attack
def pipelined_predictions(target: Target) -> None:
    target.flood(target.request(_PREDICT, b"[[39.1, 18.7, 181.0, 3750.0]]") * 2000, connections=4)


@attack
def pipelined_wrong_rows(target: Target) -> None:
    target.flood(target.request(_PREDICT, b'[["a", 1, [], {}]]') * 2000, connections=4)


@attack
def pipelined_never_read(target: Target) -> None:
    target.flood(target.request("/openapi.json", method="GET") * 50, connections=20, reads=False)


@attack
def connect_with_large_head(target: Target) -> None:
    head = b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nX-Long: " + b"a" * 60_000 + b"\r\n\r\n"
    target.flood(head, connections=4)


@attack
def many_header_lines(target: Target) -> None:
    lines = ["a:"] * 7000
    target.flood(target.request(_PREDICT, b"[[1,2,3,4]]", *lines) * 10, connections=4)


@attack
def heads_byte_by_byte(target: Target) -> None:
    head = target.head(_PREDICT, "X-Long: " + "a" * 8000)

    def trickle() -> None:
        with target.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in head:
                if target.is_over:
                    return
                connection.sendall(bytes([byte]))

    target.side_by_side(trickle, 8)


@attack
def chunks_of_one_byte(target: Target) -> None:
    head = target.head(_PREDICT, "Transfer-Encoding: chunked") + b"\r\n"
    target.flood(head + b"1\r\n[\r\n" * 500_000 + b"0\r\n\r\n", connections=4)


@attack
def unfinished_bodies(target: Target) -> None:
    head = target.head(_PREDICT, f"Content-Length: {60 * _MIB}") + b"\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            with contextlib.suppress(OSError):
                connection = stack.enter_context(target.connect())
                connection.sendall(head)
                for _ in range(59):
                    connection.sendall(b" " * _MIB)
        target.wait()


@attack
def connections_by_thousands(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(4300):
            with contextlib.suppress(OSError):
                stack.enter_context(target.connect("127.0.0.2")).sendall(b"POST ")
        target.wait()


@attack
def foreign_hosts(target: Target) -> None:
    request = target.request("/models", method="GET").replace(b"localhost", b"evil.example")
    target.flood(request * 1000, connections=2)


# -- names and documents ---------------------------------------------------------------------------


@crowded
def wrong_names(target: Target) -> None:
    counter = itertools.count()

    def ask() -> None:
        with target.connect() as connection:
            while not target.is_over:
                n = next(counter)
                for path in (f"/models/model-{n:09d}/predict", f"/v2/models/modl{n}/infer"):
                    connection.sendall(target.request(path, b"{}"))
                    connection.settimeout(30)
                    connection.recv(65536)

    target.side_by_side(ask, 60)


@crowded
def long_wrong_names(target: Target) -> None:
    name = "model-" * 4000
    target.ask_again(target.request(f"/models/{name}/predict", b"{}"), connections=20)


@attack
def wrong_features(target: Target) -> None:
    record = json.dumps({f"bill_length_m{i}": 1 for i in range(2000)}).encode()
    target.ask_again(target.request(_PREDICT, record), connections=8)


def _documents(name: str, path: str, method: str = "GET") -> None:
    def run(target: Target) -> None:
        target.flood(target.request(path, method=method) * 20, connections=8)

    run.__name__ = name
    crowded(run)


for _name, _path in {
    "openapi_documents": "/openapi.json",
    "lists_of_models": "/models",
    "metrics": "/metrics",
    "statistics": "/v2/models/stats",
    "v2_lists": "/v2/models",
}.items():
    _documents(_name, _path)
_documents("repository_indexes", "/v2/repository/index", "POST")


@crowded
def selections_and_pins(target: Target) -> None:
    change = target.request("/select-model/?model=good") + target.request(
        "/models/good/active", b'{"version": 1}', _JSON, method="PUT"
    )
    target.flood(change * 20, connections=4)


@crowded
def loads_and_unloads(target: Target) -> None:
    change = b"".join(
        target.request(f"/v2/repository/models/model-{n:03d}/{verb}", b"{}", _JSON)
        for n in range(20)
        for verb in ("unload", "load")
    )
    target.flood(change, connections=2)
