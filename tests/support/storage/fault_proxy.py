"""A proxy in front of a store that breaks the requests that a test names."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from http.client import HTTPMessage

_SECONDS = 60  # for one request to the store
_PIECE = 4096
_PACE_SECONDS = 0.2  # between two pieces of a slow body
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Answer(NamedTuple):
    """What the store has answered, or a fault in its place."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Exchange:
    """One request on its way through the proxy.

    Attributes:
        method: Of the request.
        path: With its query.
    """

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler
        self.method = handler.command
        self.path = handler.path

    def ask(self) -> Answer:
        """Pass the request on, and return the whole answer of the store."""
        handler = self._handler
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        connection = http.client.HTTPConnection(*handler.server.upstream, timeout=_SECONDS)
        with contextlib.closing(connection):
            headers = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP}
            connection.request(self.method, self.path, body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, _kept(response.headers), response.read())

    def send(self, answer: Answer, *, most: int | None = None, pace: float = 0) -> None:
        """Answer the caller; a shorter body than announced ends with a reset.

        Args:
            answer: What to send.
            most: How many bytes of the body; all if ``None``.
            pace: How many bytes a second until the proxy is healed; at once if 0.
        """
        handler, body = self._handler, memoryview(answer.body)
        handler.send_response(answer.status)
        for name, value in answer.headers:
            handler.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in answer.headers):
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if self.method == "HEAD":
            return
        piece = max(1, int(pace * _PACE_SECONDS)) if pace else _PIECE
        for start in range(0, len(body[:most]), piece):
            if pace and start:
                self.wait(_PACE_SECONDS)
            handler.wfile.write(body[:most][start : start + piece])
            handler.wfile.flush()
        if most is not None and most < len(body):
            self.reset()

    def reset(self) -> None:
        """Break the connection without a word."""
        self._handler.close_connection = True
        with contextlib.suppress(OSError):
            now = struct.pack("ii", 1, 0)
            self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)

    def wait(self, seconds: float) -> None:
        """Let time pass, unless the proxy ends or is healed."""
        self._handler.server.healed.wait(seconds)

    def hold(self) -> None:
        """Say nothing more until the proxy ends or is healed."""
        self._handler.server.healed.wait(_SECONDS)
        self.reset()


Fault = Callable[[Exchange], None]


def answers(status: int, body: bytes = b"") -> Fault:
    """Answer in the store's place; the store sees nothing."""
    return lambda exchange: exchange.send(Answer(status, [], body))


def cuts(after: int) -> Fault:
    """End the body after so many bytes; a negative number counts from its end."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.ask()
        most = after if after >= 0 else max(0, len(answer.body) + after)
        exchange.send(answer, most=most)

    return fault


def trickles(bytes_per_second: float) -> Fault:
    """Send the body slowly, but whole; what is left when the proxy is healed at once."""
    return lambda exchange: exchange.send(exchange.ask(), pace=bytes_per_second)


def delays(seconds: float) -> Fault:
    """Send the answer whole, but later."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.ask()
        exchange.wait(seconds)
        exchange.send(answer)

    return fault


def flips(at: int) -> Fault:
    """Change one byte of the body."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.ask()
        body = bytearray(answer.body)
        if body:
            body[at % len(body)] ^= 0xFF
        exchange.send(answer._replace(body=bytes(body)))

    return fault


def loses(exchange: Exchange) -> None:
    """Let the store do it, but not the caller know."""
    exchange.ask()
    exchange.reset()


def refuses(exchange: Exchange) -> None:
    """Break the connection before the store sees anything."""
    exchange.reset()


def hangs(exchange: Exchange) -> None:
    """Take the request, and never answer."""
    exchange.hold()


def usual_faults(*, middle: int, wrong: int) -> dict[str, Fault]:
    """Return what may happen to any request, by name.

    Args:
        middle: The byte of a body at which it is cut in its middle.
        wrong: The byte that is another one.
    """
    page = b"<!DOCTYPE html><title>Please log in</title>"
    error = b"<Error><Code>InternalError</Code><Message>sorry</Message></Error>"
    return {
        "500": answers(500, error),
        "503": answers(503),
        "another page": answers(200, page),
        "nothing": answers(200),
        "cut at its start": cuts(0),
        "cut in the middle": cuts(middle),
        "cut at its end": cuts(-1),
        "a wrong byte": flips(wrong),
        "lost": loses,
        "refused": refuses,
    }


@dataclass
class _Rule:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int | None
    met: int = field(default=0)


class FaultProxy:
    """Passes requests on to a server of this machine, and breaks those that a rule names.

    Args:
        port: The port of the server.

    Attributes:
        port: That of the proxy.
        seen: Method, path and whether a fault was met, of each request.
    """

    def __init__(self, port: int) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._server = _Server(self, ("127.0.0.1", port))
        self.port: int = self._server.server_port
        self.seen: list[tuple[str, str, bool]] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def breaks(
        self, fault: Fault, *, method: str = "", path: str = "", times: int | None = None
    ) -> None:
        """Break requests from now on.

        Args:
            fault: What happens to them.
            method: Only those of this method.
            path: Only those whose path and query match this pattern somewhere.
            times: Only so many, then none.
        """
        with self._lock:
            self._server.healed.clear()
            self._rules.append(_Rule(method, re.compile(path), fault, times))

    def heal(self) -> None:
        """Break nothing more, and let go of what is held."""
        with self._lock:
            self._rules.clear()
            self._server.healed.set()

    @property
    def met(self) -> int:
        """How many requests met a fault."""
        return sum(broken for _, _, broken in self.seen)

    def fault_of(self, method: str, path: str) -> Fault | None:
        """Return what happens to a request, and count it."""
        with self._lock:
            for rule in self._rules:
                left = rule.times is None or rule.met < rule.times
                if left and rule.method in ("", method) and rule.path.search(path):
                    rule.met += 1
                    self.seen.append((method, path, True))
                    return rule.fault
            self.seen.append((method, path, False))
            return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: FaultProxy, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.upstream = upstream
        self.healed = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Say nothing of callers that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        exchange = Exchange(self)
        fault = self.server.proxy.fault_of(self.command, self.path)
        if fault is None:
            exchange.send(exchange.ask())
        else:
            self.close_connection = True  # the fault may not have read the body
            fault(exchange)

    def log_message(self, *_: object) -> None:
        """Write no log."""


def _kept(headers: HTTPMessage) -> list[tuple[str, str]]:
    """Return headers without those of the connection; the length is that of a HEAD's object."""
    dropped = _HOP - {"content-length"}
    return [(name, value) for name, value in headers.items() if name.lower() not in dropped]
