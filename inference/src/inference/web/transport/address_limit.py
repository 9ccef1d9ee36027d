"""The number of open connections of each client address."""

from __future__ import annotations

from ipaddress import IPv6Address

# An IPv6 client has a network of 64 bits, so its first 8 bytes identify it.
_PREFIX_BYTES = 8


class AddressLimit:
    """Counts connections by client address.

    Args:
        max_connections: Of one address; 0 sets no limit.
    """

    def __init__(self, max_connections: int) -> None:
        self._max_connections = max_connections
        self._open: dict[str | bytes, int] = {}

    def enter(self, host: str | None) -> bool:
        """Count a new connection. Call :meth:`leave` at its end, whatever this returns.

        Args:
            host: The address; ``None`` if there is none, as on a Unix socket.

        Returns:
            Whether the connection is within the limit.
        """
        if host is None or not self._max_connections:
            return True
        client = _client(host)
        count = self._open[client] = self._open.get(client, 0) + 1
        return count <= self._max_connections

    def leave(self, host: str | None) -> None:
        """Count the end of a connection."""
        if host is None or not self._max_connections:
            return
        client = _client(host)
        left = self._open[client] - 1
        if left:
            self._open[client] = left
        else:
            del self._open[client]


def _client(host: str) -> str | bytes:
    if ":" not in host:
        return host
    address = IPv6Address(host)
    return str(address.ipv4_mapped) if address.ipv4_mapped else address.packed[:_PREFIX_BYTES]
