"""nginx: as installed, it speaks HTTP/1.0 to a service, and opens a connection a request."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.service.ports import free_port
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIGURATION = """\
daemon off;
pid {root}/pid;
error_log {root}/error.log;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    {http}
}}
"""
_PROXY = """\
client_max_body_size 0;
upstream service {{
    server {server};
    {keeping}
}}
server {{
    listen 127.0.0.1:{port};
    location {location} {{
        proxy_pass http://service{path};
        {further}
    }}
}}
"""
# What nginx's manual asks for, so that it reuses connections to the service.
KEPT = 'proxy_http_version 1.1; proxy_set_header Connection "";'


@contextlib.contextmanager
def nginx(
    root: Path,
    upstream: str,
    *,
    location: str = "/",
    path: str = "",
    keep: int = 0,
    further: str = "",
) -> Iterator[str]:
    """Run nginx in a folder, and give its address; skips the test where it is not installed.

    Args:
        root: The folder.
        upstream: The service's URL, or ``unix:/its/socket``.
        location: Which paths are the service's.
        path: What stands there in their place.
        keep: How many idle connections to the service are kept.
        further: Directives of the location.
    """
    port = free_port()
    http = _PROXY.format(
        port=port,
        server=upstream.removeprefix("http://").rstrip("/"),
        keeping=f"keepalive {keep};" if keep else "",
        location=location,
        path=path,
        further=(KEPT if keep else "") + further,
    )
    with run_nginx(root, http, port):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def run_nginx(root: Path, http: str, port: int) -> Iterator[None]:
    """Run nginx in a folder until it listens; skips the test where it is not installed.

    Args:
        root: The folder.
        http: The directives of its block ``http``.
        port: Where it listens then.
    """
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    file = root / "nginx.conf"
    file.write_text(_CONFIGURATION.format(root=root, http=http))
    # As one process, so that it needs no other user's rights on the folder.
    arguments = [program, "-p", str(root), "-c", str(file), "-g", "master_process off;"]
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        eventually(lambda: listens(port), what="nginx listens")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def listens(port: int) -> bool:
    """Tell whether something listens at a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
