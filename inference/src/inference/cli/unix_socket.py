"""HTTP over a Unix socket, for the standard library's client."""

from __future__ import annotations

import http.client
import socket
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class UnixSocketHandler(urllib.request.HTTPHandler):
    """Sends every HTTP request to one Unix socket.

    Args:
        path: The path of the socket.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Send a request over the socket."""

        def connect(host: str, **options: Any) -> http.client.HTTPConnection:
            return _Connection(host, self._path, **options)

        return self.do_open(connect, request)


class _Connection(http.client.HTTPConnection):
    def __init__(self, host: str, path: Path, **options: Any) -> None:
        super().__init__(host, **options)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
