"""How many connections each client address has open."""

from __future__ import annotations

from ipaddress import IPv6Address

_PREFIX_BYTES = 8  # of an IPv6 address: a client has a whole network of 64 bits to choose from


class AddressLimit:
    """Counts connections by client address.

    Args:
        most: For one address; 0 sets no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[str | bytes, int] = {}

    def enter(self, host: str | None) -> bool:
        """Count a connection.

        Args:
            host: The address; ``None`` where there is none, as on a Unix socket.

        Returns:
            Whether it is within the limit; it has to leave in either case.
        """
        if host is None or not self._most:
            return True
        client = _client(host)
        count = self._open[client] = self._open.get(client, 0) + 1
        return count <= self._most

    def leave(self, host: str | None) -> None:
        """Count its end."""
        if host is None or not self._most:
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
