"""Settings of access: API keys, rates, browsers, signatures."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - read at run time
from typing import Annotated
from urllib.parse import urlsplit

from inference.settings.declaration import COMMA_LIST, Check, Declared, Field

_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_.-]+|\[?[0-9a-f:.]+\]?")
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/?#\s]+")


def check_url(url: str) -> str:
    """Return the address of a service without a trailing slash.

    Raises:
        ValueError: ``url`` is not an HTTP URL.
    """
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(
            "it must be a URL such as http://127.0.0.1:8000, without user, query and fragment"
        )
    return url.rstrip("/")


def _check_url(url: str | None) -> str | None:
    return None if url is None else check_url(url)


def _check_hosts(hosts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for host in hosts or ():
        if not _HOST.fullmatch(host):
            raise ValueError(
                f"'{host}' is not a host name: use one such as models.example.com, without port"
            )
    return hosts


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"'{origin}' is not an origin: use scheme, host and port, such as "
                "https://app.example.com:8443, without a path"
            )
    return origins


class Access(Declared):
    """API keys, web pages, signed models."""

    api_keys_file: Annotated[
        Path | None,
        Field(
            description="The file of API keys; 'inference key NAME' creates a key. Changes "
            "take effect without a restart. If unset, authentication is disabled."
        ),
    ] = None
    allow_anonymous: Annotated[
        bool,
        Field(
            description="Allow a start without API keys on an address that other machines can "
            "reach."
        ),
    ] = False
    allowed_hosts: Annotated[
        tuple[str, ...] | None,
        COMMA_LIST,
        Check(_check_hosts),
        Field(
            description="Names accepted in `Host`, separated by commas: `models.example.com`, "
            "`*.example.com`, `*`. Addresses, localhost and names without a dot are always "
            "accepted. If unset, every name is accepted, except without API keys on a "
            "loopback address."
        ),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...],
        COMMA_LIST,
        Check(_check_origins),
        Field(
            description="Origins whose web pages may send requests and read answers, "
            "separated by commas: `https://app.example.com`, or `*` for all."
        ),
    ] = ()
    rate_limit: Annotated[
        float,
        Field(
            ge=0,
            le=1_000_000,
            description="Requests per second allowed for each API key, over all workers. 0 "
            "disables the limit.",
        ),
    ] = 0
    rate_burst: Annotated[
        int,
        Field(
            ge=1,
            description="Number of requests that a key may send at once before the rate applies.",
        ),
    ] = 100
    trusted_keys_file: Annotated[
        Path | None,
        Field(
            description="The file of trusted public keys; 'exporter keygen' creates a key "
            "pair. Only models signed with one of them are served. Changes take effect "
            "without a restart. Requires the extra inference[signing]."
        ),
    ] = None
    url: Annotated[
        str | None,
        Check(_check_url),
        Field(
            description="The address of the running service for the commands, including a "
            "proxy's path prefix. If unset, INFERENCE_HOST and INFERENCE_PORT are used."
        ),
    ] = None
    api_key: Annotated[
        str | None,
        Field(
            description="The API key that the commands send to the running service.",
            is_secret=True,
        ),
    ] = None
