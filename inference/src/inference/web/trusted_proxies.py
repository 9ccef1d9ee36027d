"""The address by which clients know the service, as reported by trusted proxies.

It determines links, and which pages count as the service's own. It never determines the client's
identity or the allowed hosts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from inference.settings.proxies import LONGEST_PREFIX, PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

_AUTHORITY = re.compile(r"([A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class Proxies:
    """The trusted proxies.

    Args:
        trusted: Addresses and networks, or ``*``.
        root_path: The prefix, if no proxy sends one.
    """

    def __init__(self, trusted: Sequence[str] = (), root_path: str = "") -> None:
        self._root_path = root_path
        self._all = "*" in trusted
        self._networks = [ip_network(one, strict=False) for one in trusted if one != "*"]
        self._is_listed = lru_cache(maxsize=1024)(self._look_up)

    def prefix(self, scope: Scope) -> str:
        """Return the prefix of all paths for the client, such as ``/ml``; or an empty string.

        Each proxy of a chain adds a value.
        """
        values = self._values(scope, b"x-forwarded-prefix")
        if not values:
            return self._root_path
        path = "".join(value.rstrip("/") for value in values)
        is_right = PREFIX.fullmatch(path) is not None and len(path) <= LONGEST_PREFIX
        return path if is_right else self._root_path

    def urls(self, scope: Scope) -> list[str]:
        """Return the addresses of the service for the client: the path, and the URL if known.

        The list is empty without a proxy. The path comes first, because it is correct for a page
        even if the proxies of a chain report wrong schemes.
        """
        prefix = self.prefix(scope)
        hosts = self._values(scope, b"x-forwarded-host")[:1]
        schemes = self._values(scope, b"x-forwarded-proto")[:1] or ["http"]
        whole = [
            f"{scheme}://{host}{prefix}"
            for scheme in schemes
            for host in hosts
            if scheme in {"http", "https"} and _AUTHORITY.fullmatch(host)
        ]
        return [prefix or "/", *whole] if prefix or whole else []

    def hosts(self, scope: Scope) -> list[bytes]:
        """Return host and port as the client sent them; empty without a proxy."""
        hosts = self._values(scope, b"x-forwarded-host")[:1]
        ports = self._values(scope, b"x-forwarded-port")[:1]
        with_port = [f"{host}:{port}" for host in hosts for port in ports]
        return [host.encode() for host in (*hosts, *with_port)]

    def _values(self, scope: Scope, wanted: bytes) -> list[str]:
        found = [value for name, value in scope["headers"] if name == wanted]
        if not found or not self._trusts(scope.get("client")):
            return []
        return [part.strip() for part in b",".join(found).decode("latin-1").split(",")]

    def _trusts(self, client: Sequence[object] | None) -> bool:
        """Whether a client is a trusted proxy. On a Unix socket it has no address."""
        return client is None or self._all or self._is_listed(str(client[0]))

    def _look_up(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)
