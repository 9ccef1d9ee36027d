"""What an attacker knows of the service, and how it sends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SECONDS = 2  # for one call on a socket; the loop looks at the clock in between


@dataclass(frozen=True)
class Target:
    """The service under attack.

    Attributes:
        port: Of HTTP, on 127.0.0.1.
        grpc_port: Of gRPC.
        models: The models folder, for attackers who may write to it.
        key: A key with all scopes, for attackers who have one.
        deadline: When to stop, by :func:`time.monotonic`.
    """

    port: int
    grpc_port: int
    models: Path
    key: str
    deadline: float

    @property
    def is_over(self) -> bool:
        """Whether to stop."""
        return time.monotonic() >= self.deadline

    def head(self, path: str, *headers: str, method: str = "POST", keyed: bool = True) -> bytes:
        """Write the head of a request, without the empty line."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        if keyed:
            lines.append(f"X-API-Key: {self.key}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n"

    def request(
        self, path: str, body: bytes = b"", *headers: str, method: str = "POST", keyed: bool = True
    ) -> bytes:
        """Write a whole request."""
        length = f"Content-Length: {len(body)}"
        return self.head(path, length, *headers, method=method, keyed=keyed) + b"\r\n" + body

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Open a connection."""
        return socket.create_connection(
            ("127.0.0.1", self.port), timeout=_SECONDS, source_address=(source, 0)
        )

    def flood(self, payload: bytes, *, connections: int = 1, reads: bool = True) -> None:
        """Send the same bytes again and again on several connections, and read what comes."""
        self.side_by_side(lambda: self._send_again(payload, reads=reads), connections)

    def ask_again(self, payload: bytes, *, connections: int = 1) -> None:
        """Send the same request again and again, each after the answer to the one before."""
        self.side_by_side(lambda: self._ask(payload), connections)

    def side_by_side(self, attack: Callable[[], None], count: int) -> None:
        """Run an attack in several threads until time is over."""

        def again() -> None:
            while not self.is_over:
                with contextlib.suppress(OSError):
                    attack()

        threads = [threading.Thread(target=again, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self.deadline - time.monotonic()) + 2 * _SECONDS)

    def wait(self) -> None:
        """Hold what is held until time is over."""
        threading.Event().wait(max(0.0, self.deadline - time.monotonic()))

    def _send_again(self, payload: bytes, *, reads: bool) -> None:
        with self.connect() as connection:
            if reads:
                threading.Thread(target=self._drain, args=[connection], daemon=True).start()
            while not self.is_over:
                connection.sendall(payload)

    def _drain(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not self.is_over and connection.recv(1 << 20):
                pass

    def _ask(self, payload: bytes) -> None:
        with self.connect() as connection, contextlib.suppress(TimeoutError):
            connection.sendall(payload)
            connection.settimeout(30)
            connection.recv(65536)
