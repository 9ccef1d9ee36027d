"""gRPC on IPv6 addresses, on ports in use, and on connections of age."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from support.service.ports import free_port
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Service(tmp_path, **settings))


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_grpc_is_served_on_ipv6(make_service: Callable[..., Service], host: str) -> None:
    port = free_port("::1")
    service = make_service(host=host, grpc_port=port, allow_anonymous="true")
    service.run()
    shown = host if host.startswith("[") else f"[{host}]"
    eventually(lambda: f"gRPC running on {shown}:{port}" in service.log)
    with grpc.insecure_channel(f"[::1]:{port}") as channel:
        grpc.channel_ready_future(channel).result(20)
    assert service.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_grpc_port_in_use_is_one_clear_line(
    make_service: Callable[..., Service], workers: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = make_service(grpc_port=port, workers=workers)
        assert service.run().wait(60) == 1
    (line,) = service.log.splitlines()
    assert f"cannot listen on 127.0.0.1, port {port}, for gRPC: Address already in use" in line
    assert "INFERENCE_GRPC_PORT" in line


def test_one_port_for_both_protocols_is_one_clear_line(
    make_service: Callable[..., Service],
) -> None:
    port = free_port()
    service = make_service(port=port, grpc_port=port)
    assert service.run().wait(60) == 1
    assert "for gRPC: Address already in use" in service.log
    assert len(service.log.splitlines()) == 1


def test_a_grpc_connection_of_age_is_replaced_and_no_call_fails(
    make_service: Callable[..., Service],
) -> None:
    port = free_port()
    make_service(grpc_port=port, max_connection_seconds=0.3).start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        local = set()

        def is_replaced() -> bool:
            assert live(b"", timeout=10) == b"\x08\x01"
            local.update(_ports_to(port))
            return len(local) >= 3

        eventually(is_replaced)


def _ports_to(port: int) -> set[int]:
    """Give the local ports of this process's established connections to a port."""
    wanted = f":{port:04X}"
    rows: list[list[str]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows += [line.split() for line in Path(table).read_text().splitlines()[1:]]
    return {
        int(r[1].rpartition(":")[2], 16) for r in rows if r[2].endswith(wanted) and r[3] == "01"
    }
