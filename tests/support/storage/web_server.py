"""nginx as a web server that has models, with and without TLS."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from support.service.nginx import run_nginx
from support.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SERVER = """\
server {{
    access_log {root}/access.log;
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {root}/server.pem;
    ssl_certificate_key {root}/server.key;
    root {files};
    location /private/ {{
        alias {files}/models/;
        auth_basic models;
        auth_basic_user_file {root}/users;
    }}
    location /moved/ {{ rewrite ^/moved/(.*)$ /models/$1 redirect; }}
    location /without-etag/ {{ alias {files}/models/; etag off; }}
    location /forbidden/ {{ return 403; }}
}}
"""
USER, PASSWORD = "reader", "sécret 4711 %"


class WebServer(NamedTuple):
    """A running web server.

    Attributes:
        files: What it serves, without a prefix.
        http: Its URL.
        https: Its URL with TLS.
        authority: The certificate of the authority that clients must know.
    """

    files: Path
    http: str
    https: str
    authority: Path


@contextlib.contextmanager
def web_server(root: Path) -> Iterator[WebServer]:
    """Run nginx in a folder; skips the test where nginx or openssl is not installed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    root.mkdir(parents=True)
    files = root / "files"
    files.mkdir()
    certify(root)
    (root / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    port, tls_port = free_port(), free_port()
    http = _SERVER.format(root=root, files=files, port=port, tls_port=tls_port)
    with run_nginx(root, http, tls_port):
        https = f"https://localhost:{tls_port}"
        yield WebServer(files, f"http://127.0.0.1:{port}", https, root / "authority.pem")


def certify(root: Path, name: str = "localhost") -> None:
    """Make an authority in a folder, and a certificate of it for a name."""
    (root / "names").write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n")
    key = "-newkey rsa:2048 -nodes"
    signed = "-CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names"
    for command in (
        f"req -x509 {key} -keyout authority.key -out authority.pem -days 2 -subj /CN=Authority",
        f"req {key} -keyout server.key -out server.csr -subj /CN={name}",
        f"x509 -req -in server.csr {signed} -out server.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=root, check=True, capture_output=True)
