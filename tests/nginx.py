"""nginx with its defaults, in front of a service: HTTP/1.0, one connection a request."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from service_process import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIGURATION = """\
daemon off;
pid {root}/pid;
error_log {root}/error.log;
events {{}}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(root: Path, upstream: str) -> Iterator[str]:
    """Run nginx in a folder, and give its address; skips the test where it is not installed."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = root / "nginx.conf"
    file.write_text(_CONFIGURATION.format(root=root, port=port, upstream=upstream.rstrip("/")))
    # As one process, so that it needs no other user's rights on the folder.
    arguments = [program, "-p", str(root), "-c", str(file), "-g", "master_process off;"]
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        eventually(lambda: _answers(port), what="nginx listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
