"""HAProxy in front of a service, and what it thinks of the service's health."""

from __future__ import annotations

import contextlib
import csv
import shutil
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest

from support.service.ports import free_port
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIGURATION = """\
global
    maxconn 256
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check 20s
frontend clients
    bind 127.0.0.1:{port}
    default_backend services
frontend numbers
    bind 127.0.0.1:{stats}
    stats enable
    stats uri /
backend services
    {check}
    server one {server} check inter 500ms fall 1 rise 1
"""


@contextlib.contextmanager
def haproxy(root: Path, upstream: str, check: str) -> Iterator[tuple[str, str]]:
    """Run HAProxy; skips the test where it is not installed.

    Args:
        root: Where its configuration is put.
        upstream: The service's URL.
        check: Directives of the health check.

    Returns:
        Its address, and what the check's status becomes, such as ``L7OK``.
    """
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        pytest.skip("haproxy is not installed")
    port, stats = free_port(), free_port()
    file = root / "haproxy.cfg"
    server = upstream.removeprefix("http://").rstrip("/")
    file.write_text(_CONFIGURATION.format(port=port, stats=stats, server=server, check=check))
    process = subprocess.Popen([program, "-db", "-f", str(file)], stdin=subprocess.DEVNULL)
    try:
        status = eventually(lambda: _status(stats), what="the first check's result")
        yield f"http://127.0.0.1:{port}", status
    finally:
        process.terminate()
        process.wait(20)


def _status(stats: int) -> str:
    """Give the last check's status; empty before there is one."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{stats}/;csv", timeout=5) as answer:
            rows = csv.DictReader(answer.read().decode().removeprefix("# ").splitlines())
            (server,) = [row for row in rows if row["svname"] == "one"]
    except OSError:
        return ""
    status = server["check_status"]
    return "" if status in {"INI", ""} or status.startswith("*") else status
