"""The listening sockets: one for each worker on one port, or a Unix socket that all share."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from inference.errors import RookeryError
from inference.model.plan import granted_cpus

if TYPE_CHECKING:
    from pathlib import Path

    from inference.settings import Settings

_BACKLOG = 2048
_MOST_WORKERS = 8  # if no number is set; each takes about 100 MB
# Like a loopback port, the socket accepts every user of this machine who can reach its folder.
_SOCKET_MODE = 0o666


class CannotListenError(RookeryError):
    """An address is not available; the message names the setting to change."""


def open_sockets(settings: Settings) -> list[socket.socket]:
    """Open a listening socket for each worker, and check that the gRPC port is free.

    Raises:
        CannotListenError: An address is in use, or does not belong to this machine.
    """
    workers = settings.workers or min(granted_cpus(), _MOST_WORKERS)
    path = settings.unix_socket
    try:
        sockets = _listen(settings, workers) if path is None else _listen_at(path, workers)
    except OSError as error:
        reason = error.strerror or error
        if path is not None:
            raise CannotListenError(
                f"cannot listen on the Unix socket {path}: {reason}; choose another with "
                "INFERENCE_UNIX_SOCKET"
            ) from None
        raise CannotListenError(
            f"cannot listen on {settings.host}, port {settings.port}: {reason}; choose others with "
            "INFERENCE_HOST and INFERENCE_PORT"
        ) from None
    if settings.grpc_port:
        try:
            _probe(settings.host, settings.grpc_port)
        except OSError as error:
            close_sockets(sockets)
            if path is not None:
                path.unlink(missing_ok=True)
            raise CannotListenError(
                f"cannot listen on {settings.host}, port {settings.grpc_port}, for gRPC: "
                f"{error.strerror or error}; choose another with INFERENCE_GRPC_PORT"
            ) from None
    return sockets


class SocketPath:
    """The path of a Unix socket, which may be another service's once this one has removed it.

    Args:
        path: The path, at which this service listens.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._identity = _identity(self._path)

    def remove(self) -> None:
        """Remove the path if it still is that of this service, so that no more clients connect."""
        if self._identity is not None and _identity(self._path) == self._identity:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._identity = None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def close_sockets(sockets: list[socket.socket]) -> None:
    """Close all sockets."""
    for one in sockets:
        one.close()


def _listen(settings: Settings, workers: int) -> list[socket.socket]:
    port = settings.port
    sockets: list[socket.socket] = []
    if workers > 1 and port:
        # Sockets with SO_REUSEPORT could otherwise share the port of another service.
        _probe(settings.host, port)
    for _ in range(workers):
        listening = _open(settings.host)
        if workers > 1:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((settings.host, port))
        listening.listen(_BACKLOG)
        port = listening.getsockname()[1]
        sockets.append(listening)
    return sockets


def _listen_at(path: Path, workers: int) -> list[socket.socket]:
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(_SOCKET_MODE)
    listening.listen(_BACKLOG)
    return [listening, *(listening.dup() for _ in range(workers - 1))]


def _remove_stale(path: Path) -> None:
    """Remove the socket of a service that was killed.

    Raises:
        OSError: Another service answers there, or the path is not a socket.
    """
    if not path.is_socket():
        return  # bind() fails for any other file
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)


def _probe(host: str, port: int) -> None:
    with _open(host) as probe:
        probe.bind((host, port))


def _open(host: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened
