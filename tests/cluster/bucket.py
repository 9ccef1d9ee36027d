"""An S3 server behind a door that can be shut, so that the store is away and comes back."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from support.storage.servers import Server


class Door:
    """Forwards connections to the store while it is open, and closes them while it is shut.

    Args:
        server: The store.

    Attributes:
        port: Where it listens, on the store's address.
        environment: The variables of a client that comes through it.
    """

    def __init__(self, server: Server) -> None:
        self._target = server.host, server.port
        self._open = True
        self._connections: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._listener = socket.create_server((server.host, 0))
        self.port = self._listener.getsockname()[1]
        endpoint = f"http://{server.host}:{self.port}"
        self.environment = server.environment | {"AWS_ENDPOINT_URL": endpoint}
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @contextlib.contextmanager
    def shut(self) -> Generator[None]:
        """Keep the store away for the length of the block."""
        self._break_connections()
        try:
            yield
        finally:
            self._open = True

    def close(self) -> None:
        """End all connections, and accept no further ones."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # `close` does not end an `accept`
        self._acceptor.join(10)
        self._listener.close()
        self._break_connections()
        for thread in list(self._threads):
            thread.join(10)

    def _break_connections(self) -> None:
        self._open = False
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._open:
                    client.close()
                    continue
                store = socket.create_connection(self._target)
                for source, sink in ((client, store), (store, client)):
                    self._connections.add(source)
                    self._start(self._copy, source, sink)

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        self._connections.discard(source)
        source.close()
        self._threads.discard(threading.current_thread())
