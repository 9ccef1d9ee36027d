"""Where the service listens: a Unix socket, IPv6, and ports that are in use."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from artefacts import penguins
from hot_requests import GOOD, HOT
from nginx import nginx
from service_process import Service, environment, eventually

if TYPE_CHECKING:
    from collections.abc import Callable


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
            assert httpx.post(address + HOT, content=GOOD, trust_env=False).status_code == 200
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


def test_what_is_no_socket_is_left_alone(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    service = make_service(unix_socket=path)
    assert service.run().wait(30) == 1
    assert "cannot listen on the Unix socket" in service.log
    assert path.read_text() == "data"


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_ipv6_is_listened_on(make_service: Callable[..., Service], host: str) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
        grpc_port = free.getsockname()[1]
    service = make_service(host=host, grpc_port=grpc_port, allow_anonymous="true")
    service.put("penguins/1/model.onnx", penguins())
    service.run()
    line = eventually(
        lambda: next((w for w in service.log.split() if w.endswith("/docs")), ""), within=30
    )
    assert line.startswith("http://[::1]:")
    with httpx.Client(base_url=line.removesuffix("/docs"), trust_env=False) as client:
        eventually(lambda: _is_ready(client), within=30)
        assert client.post(HOT, content=GOOD).status_code == 200
    shown = host if host.startswith("[") else f"[{host}]"
    assert f"gRPC running on {shown}:{grpc_port}" in service.log
    import grpc  # noqa: PLC0415 - the lean suite has none

    with grpc.insecure_channel(f"[::1]:{grpc_port}") as channel:
        grpc.channel_ready_future(channel).result(20)
    assert service.stop() == 0


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_grpc_port_in_use_is_one_clear_line(
    make_service: Callable[..., Service], workers: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = make_service(grpc_port=port, workers=workers)
        assert service.run().wait(30) == 1
    (line,) = service.log.splitlines()
    assert f"cannot listen on 127.0.0.1, port {port}, for gRPC: Address already in use" in line
    assert "INFERENCE_GRPC_PORT" in line


def test_one_port_for_both_protocols_is_one_clear_line(
    make_service: Callable[..., Service],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = make_service(port=port, grpc_port=port)
    assert service.run().wait(30) == 1
    assert "for gRPC: Address already in use" in service.log
    assert len(service.log.splitlines()) == 1


def test_a_grpc_connection_of_age_is_replaced_and_no_call_fails(
    make_service: Callable[..., Service],
) -> None:
    grpc = pytest.importorskip("grpc")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    make_service(grpc_port=port, max_connection_seconds=0.3).start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        local = set()

        def is_replaced() -> bool:
            assert live(b"", timeout=10) == b"\x08\x01"
            local.update(_ports_to(port))
            return len(local) >= 3

        eventually(is_replaced, within=30)


def _ports_to(port: int) -> set[int]:
    """Give the local ports of this process's established connections to a port."""
    wanted = f":{port:04X}"
    rows: list[list[str]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows += [line.split() for line in Path(table).read_text().splitlines()[1:]]
    return {
        int(r[1].rpartition(":")[2], 16) for r in rows if r[2].endswith(wanted) and r[3] == "01"
    }
