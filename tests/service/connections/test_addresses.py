"""Where the service listens: a Unix socket, IPv6, and ports that are in use."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from support.models.artifacts import penguins
from support.service.fast_requests import GOOD, HOT
from support.service.nginx import nginx
from support.service.process import Service, environment, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.long


def open_at(service: Service, path: Path) -> httpx.Client:
    """Start a service at a Unix socket, and give a client of it."""
    service.put("penguins/1/model.onnx", penguins())
    service.run()
    # httpx leaks the socket of an attempt that fails, so it is asked once there is a service.
    eventually(lambda: "Unix socket: " in service.log, within=30, what="the socket")
    transport = httpx.HTTPTransport(uds=str(path))
    client = httpx.Client(transport=transport, base_url="http://localhost", timeout=30)

    eventually(lambda: _is_ready(client), within=30, what="ready")
    return client


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("direct", ["true", "false"])
def test_a_unix_socket_serves_and_is_gone_at_the_end(
    make_service: Callable[..., Service], tmp_path: Path, workers: int, direct: str
) -> None:
    path = tmp_path / "http.sock"
    service = make_service(unix_socket=path, workers=workers, direct=direct, host="0.0.0.0")  # noqa: S104 - it is not used
    with contextlib.closing(open_at(service, path)) as client:
        assert f"Unix socket: {path}" in service.log
        assert "http://" not in service.log
        for _ in range(5):
            assert client.post(HOT, content=GOOD).json()["model"] == "penguins"
            assert client.get("/models").status_code == 200
        seen = subprocess.run(
            ["curl", "-sS", "--unix-socket", str(path), "http://localhost/healthz"],
            capture_output=True,
            timeout=30,
            check=True,
        )
        assert b"alive" in seen.stdout
        with nginx(tmp_path / "nginx", f"unix:{path}", keep=8) as address:
            answer = httpx.post(address + HOT, content=GOOD, trust_env=False, timeout=30)
            assert answer.status_code == 200
        listed = subprocess.run(
            [sys.executable, "-m", "inference.cli", "models"],
            env=environment(unix_socket=path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "penguins" in listed.stdout, listed.stderr
    assert service.stop() == 0
    assert not path.exists()
    assert "Traceback" not in service.log


def test_the_socket_of_a_killed_service_is_taken_over(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()
    service = make_service(unix_socket=path)
    with contextlib.closing(open_at(service, path)):
        other = subprocess.run(
            [sys.executable, "-m", "inference.cli", "serve"],
            env=environment(**service.settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert other.returncode == 1
        assert f"cannot listen on the Unix socket {path}: " in other.stderr
        assert "INFERENCE_UNIX_SOCKET" in other.stderr
        assert len(other.stderr.splitlines()) == 1
    assert service.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_ended_leaves_the_unix_socket_to_its_successor(
    make_service: Callable[..., Service], tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "http.sock"
    service = make_service(unix_socket=path, workers=workers)
    with contextlib.closing(open_at(service, path)) as client:
        ended = service.worker_pids[0]
        os.kill(ended, signal.SIGTERM)
        eventually(lambda: ended not in service.worker_pids, what="the worker's end")
        eventually(lambda: len(service.worker_pids) == workers, what="its successor")
        assert path.is_socket()
        client.close()
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=30) as client:
        eventually(lambda: _is_ready(client), within=30)
    assert service.stop() == 0
    assert not path.exists()


def test_a_worker_that_ends_late_leaves_the_socket_of_the_next_service_alone(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    path = tmp_path / "http.sock"
    first = make_service(unix_socket=path)
    with contextlib.closing(open_at(first, path)):
        (late,) = first.worker_pids
        os.kill(late, signal.SIGSTOP)
        assert first.process is not None
        first.process.send_signal(signal.SIGTERM)
        eventually(lambda: not path.exists(), what="the end of the socket")
        second = make_service(unix_socket=path)
        with contextlib.closing(open_at(second, path)) as client:
            os.kill(late, signal.SIGCONT)
            assert first.process.wait(30) == 0
            assert path.is_socket()
            client.close()
            transport = httpx.HTTPTransport(uds=str(path))
            with httpx.Client(transport=transport, base_url="http://localhost") as again:
                assert again.get("/healthz").status_code == 200
        assert second.stop() == 0
    assert not path.exists()


def test_what_is_no_socket_is_left_alone(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    service = make_service(unix_socket=path)
    assert service.run().wait(60) == 1
    assert "cannot listen on the Unix socket" in service.log
    assert path.read_text() == "data"


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_ipv6_is_listened_on(make_service: Callable[..., Service], host: str) -> None:
    service = make_service(host=host, allow_anonymous="true")
    service.put("penguins/1/model.onnx", penguins())
    service.run()
    line = eventually(
        lambda: next((w for w in service.log.split() if w.endswith("/docs")), ""), within=30
    )
    assert line.startswith("http://[::1]:")
    address = line.removesuffix("/docs")
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
        eventually(lambda: _is_ready(client), within=30)
        assert client.post(HOT, content=GOOD).status_code == 200
    assert service.stop() == 0


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
