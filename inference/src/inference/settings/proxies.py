"""Settings for proxies in front of the service."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from inference.settings.comma_list import COMMA_LIST

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
LONGEST_PREFIX = 200
# A prefix that begins like one of the service's routes would make paths ambiguous.
_OWN = frozenset({"models", "predict", "select-model", "docs", "metrics", "v1", "v2"})


class Proxies(BaseModel):
    """Proxies in front of the service."""

    root_path: Annotated[
        str,
        Field(
            description="The path under which a proxy serves the service, such as `/ml`, "
            "whether or not the proxy removes it. `X-Forwarded-Prefix` from a trusted proxy "
            "takes precedence."
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        COMMA_LIST,
        Field(
            description="Addresses or networks of proxies whose `X-Forwarded-Prefix`, "
            "`-Host`, `-Port` and `-Proto` are trusted, separated by commas; `*` for all. "
            "Clients of the Unix socket are always trusted."
        ),
    ] = ("127.0.0.1", "::1")

    @field_validator("root_path")
    @classmethod
    def _need_root_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and (not PREFIX.fullmatch(path) or len(path) > LONGEST_PREFIX):
            raise ValueError("it must be a path of letters, digits and '-._~', such as /ml")
        if path.split("/")[1:2] and path.split("/")[1] in _OWN:
            raise ValueError("the service has routes that begin like this: choose another path")
        return path

    @field_validator("trusted_proxies")
    @classmethod
    def _need_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                if proxy != "*":
                    ip_network(proxy, strict=False)
            except ValueError:
                raise ValueError(
                    f"'{proxy}' is not an address: use one such as 10.0.0.7, 10.0.0.0/8 or *"
                ) from None
        return proxies
