"""Proxies in front of the service, and the address that clients know it by."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
LONGEST_PREFIX = 200
# Behind such a prefix a path could be understood in two ways.
_OWN = frozenset({"models", "predict", "select-model", "docs", "metrics", "v1", "v2"})


class Proxies(BaseModel):
    """What stands in front."""

    root_path: Annotated[
        str,
        Field(
            description="The path under which a proxy offers the service, such as `/ml`; whether "
            "the proxy takes it away or not. A trusted proxy's `X-Forwarded-Prefix` goes first."
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(
            description="Addresses or networks of proxies whose `X-Forwarded-Prefix`, `-Host`, "
            "`-Port` and `-Proto` are believed, separated by commas; `*` for all. Who connects by "
            "Unix socket is believed, too."
        ),
    ] = ("127.0.0.1", "::1")

    @field_validator("root_path")
    @classmethod
    def _need_root_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and (not PREFIX.fullmatch(path) or len(path) > LONGEST_PREFIX):
            raise ValueError("it has to be a path of letters, digits and '-._~', such as /ml")
        if path.split("/")[1:2] and path.split("/")[1] in _OWN:
            raise ValueError("the service has paths of its own that begin so: choose another")
        return path

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _need_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                if proxy != "*":
                    ip_network(proxy, strict=False)
            except ValueError:
                raise ValueError(
                    f"'{proxy}' is not an address: give it like 10.0.0.7, 10.0.0.0/8 or *"
                ) from None
        return proxies
