"""The path of a Unix socket belongs to the service that has bound it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from inference.process.sockets import SocketPath

if TYPE_CHECKING:
    from pathlib import Path


def bind(path: Path) -> SocketPath:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    return SocketPath(path)


def test_a_path_is_removed_once_and_only_by_the_service_that_has_bound_it(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    first = bind(path)
    path.rename(tmp_path / "other")  # its inode stays in use
    second = bind(path)
    first.remove()
    assert path.is_socket()
    second.remove()
    assert not path.exists()
    bind(path)
    second.remove()
    assert path.is_socket()


def test_a_path_that_has_gone_is_no_error(tmp_path: Path) -> None:
    path = bind(tmp_path / "http.sock")
    (tmp_path / "http.sock").unlink()
    path.remove()
    SocketPath(tmp_path / "absent").remove()
