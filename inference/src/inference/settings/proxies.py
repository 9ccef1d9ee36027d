"""Settings for proxies in front of the service."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from inference.settings.declaration import COMMA_LIST, Check, Declared, Field

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
LONGEST_PREFIX = 200
# A prefix that begins like one of the service's routes would make paths ambiguous.
_OWN = frozenset({"models", "predict", "select-model", "docs", "metrics", "v1", "v2"})


def _check_root_path(path: str) -> str:
    path = path.rstrip("/")
    if path and (not PREFIX.fullmatch(path) or len(path) > LONGEST_PREFIX):
        raise ValueError("it must be a path of letters, digits and '-._~', such as /ml")
    if path.split("/")[1:2] and path.split("/")[1] in _OWN:
        raise ValueError("the service has routes that begin like this: choose another path")
    return path


def _check_networks(proxies: tuple[str, ...]) -> tuple[str, ...]:
    for proxy in proxies:
        try:
            if proxy != "*":
                ip_network(proxy, strict=False)
        except ValueError:
            raise ValueError(
                f"'{proxy}' is not an address: use one such as 10.0.0.7, 10.0.0.0/8 or *"
            ) from None
    return proxies


class Proxies(Declared):
    """Proxies in front of the service."""

    root_path: Annotated[
        str,
        Check(_check_root_path),
        Field(
            description="The path under which a proxy serves the service, such as `/ml`, "
            "whether or not the proxy removes it. `X-Forwarded-Prefix` from a trusted proxy "
            "takes precedence."
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        COMMA_LIST,
        Check(_check_networks),
        Field(
            description="Addresses or networks of proxies whose `X-Forwarded-Prefix`, "
            "`-Host`, `-Port` and `-Proto` are trusted, separated by commas; `*` for all. "
            "Clients of the Unix socket are always trusted."
        ),
    ] = ("127.0.0.1", "::1")
