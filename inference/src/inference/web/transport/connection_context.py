"""What all connections of one worker share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import OverloadedError, RateError
from inference.web.transport.address_limit import AddressLimit
from inference.web.transport.connection_limits import ConnectionLimits
from inference.web.transport.fair_queue import FairQueue
from inference.web.transport.keep_alive import encode_end, kept_headers

if TYPE_CHECKING:
    from inference.errors import RookeryError
    from inference.web.fast.routes import FastRoutes
    from inference.web.message.headers import Headers


class ConnectionContext:
    """The collaborators of every connection.

    Args:
        routes: The ASGI application, which also has the fast routes.
        limits: The limits on connections.
        fast_path: Whether requests to the fast routes are answered without ASGI.

    Attributes:
        routes: As given.
        limits: As given.
        fast_path: As given.
        addresses: Counts the connections of each client address.
        queue: Connections with received requests that wait for their turn.
        kept_headers: Headers of an answer after which the connection stays open.
        kept_end: The end of the head of such an answer.
    """

    def __init__(
        self,
        routes: FastRoutes,
        limits: ConnectionLimits | None = None,
        *,
        fast_path: bool = True,
    ) -> None:
        self.routes = routes
        self.limits = limits = limits or ConnectionLimits()
        self.fast_path = fast_path
        self.addresses = AddressLimit(limits.max_connections_per_address)
        self.queue = FairQueue()
        self.kept_headers = kept_headers(limits.keep_alive_seconds)
        self.kept_end = encode_end(self.kept_headers)
        self.default_headers: Headers | None = None
        self.default_head = b""
        if routes.states is not None:
            routes.states.on_change(self._forget_default)

    def admit(self, host: str | None, connections: int) -> RookeryError | None:
        """Count a new connection, and return an error if it is above a limit.

        Args:
            host: The client's address; ``None`` on a Unix socket.
            connections: How many connections are open, this one included.
        """
        is_within = self.addresses.enter(host)
        if connections > self.limits.max_connections:
            return OverloadedError("more connections than the service takes on; try again")
        if not is_within:
            most = f"{self.limits.max_connections_per_address:,}"
            setting = "INFERENCE_MAX_CONNECTIONS_PER_ADDRESS"
            return RateError(f"over {most} connections from one address ({setting})", 1)
        return None

    def current_head(self, headers: Headers) -> bytes:
        """Return the encoded headers that every response begins with, as they are now."""
        is_known = self.default_headers is headers
        return self.default_head if is_known else self.encode_default(headers)

    def encode_default(self, headers: Headers) -> bytes:
        """Encode the headers that every response begins with, and cache the result.

        uvicorn makes a new list when the date changes. Compare :attr:`default_headers` by identity
        before you call this, and use :attr:`default_head` if it is the same list. It has the number
        of the operator's choices, too, and is encoded anew when they change.
        """
        self.default_headers = headers
        self.default_head = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        if self.routes.states is not None:
            self.default_head += self.routes.states.line()
        return self.default_head

    def _forget_default(self) -> None:
        self.default_headers = None
