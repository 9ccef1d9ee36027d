"""HTTP written to a socket by hand, for requests that a correct client would never send."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from types import TracebackType

_SECONDS = 20


class Answer(NamedTuple):
    """One response as it came."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Raw:
    """One connection; everything is bounded by a time-out.

    Args:
        url: Such as ``http://127.0.0.1:8000``.
        receive_buffer: Bytes that the kernel may take in for us; ``None`` for its own choice.
        source: The address to call from; ``None`` for any.

    Attributes:
        file: What the other side has sent.
    """

    def __init__(
        self, url: str, *, receive_buffer: int | None = None, source: str | None = None
    ) -> None:
        host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.settimeout(_SECONDS)
        try:
            self.socket.connect((host, int(port)))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> Raw:
        self.socket.sendall(data)
        return self

    def answer(self, *, head: bool = False) -> Answer:
        """Read one response; a 100 is a response of its own.

        Args:
            head: Whether HEAD was asked, so that no body comes.
        """
        line = self.file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        status = int(line.split()[1])
        headers = http.client.parse_headers(self.file)
        if status in (100, 204, 304) or head:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
        else:
            size = int(headers["content-length"])
            body = self.file.read(size)
            assert len(body) == size, "the connection ended in the middle of an answer"
        return Answer(status, headers, body)

    def ask(self, data: bytes) -> Answer:
        return self.send(data).answer()

    def is_closed(self) -> bool:
        """Wait for the other side to close; false when it sends something instead."""
        try:
            return self.file.read(1) == b""
        except ConnectionError:
            return True


def request(
    path: str,
    body: bytes = b"",
    *headers: str,
    method: str = "POST",
    version: str = "1.1",
) -> bytes:
    """Return a request; a POST gets its Content-Length unless its headers say how its body ends."""
    lines = [f"{method} {path} HTTP/{version}", "Host: test", *headers]
    said = any(h.lower().startswith(("content-length", "transfer-encoding")) for h in headers)
    if method == "POST" and not said:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(body: bytes, size: int) -> bytes:
    """Spell a body in chunks of so many bytes."""
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
