"""Who may ask: keys, rates, browsers, signatures."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_.-]+|\[?[0-9a-f:.]+\]?")
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/?#\s]+")


def check_url(url: str) -> str:
    """Check the address of a service, and give it without a slash at its end.

    Raises:
        ValueError: It is not an HTTP URL.
    """
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("it has to be a URL such as http://127.0.0.1:8000")
    return url.rstrip("/")


class Access(BaseModel):
    """API keys, web pages, signed models."""

    api_keys_file: Annotated[
        Path | None,
        Field(
            description="The file of API keys, read again when it changes; 'inference key NAME' "
            "makes one. Without it authentication is disabled."
        ),
    ] = None
    allow_anonymous: Annotated[
        bool,
        Field(
            description="Accept that there are no API keys although other machines reach the "
            "address to listen on."
        ),
    ] = False
    allowed_hosts: Annotated[
        tuple[str, ...] | None,
        NoDecode,
        Field(
            description="Names that requests may give in `Host`, separated by commas, beside "
            "addresses, localhost and names without a dot: `models.example.com`, "
            "`*.example.com`, `*`. Unset, every name is answered, except without keys on a "
            "loopback address."
        ),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(
            description="Origins whose web pages may ask and read answers, separated by commas: "
            "`https://app.example.com`, or `*` for all."
        ),
    ] = ()
    rate_limit: Annotated[
        float,
        Field(
            ge=0,
            le=1_000_000,
            description="Requests per second that one API key may make, over all workers; 0 sets "
            "no limit.",
        ),
    ] = 0
    rate_burst: Annotated[
        int, Field(ge=1, description="Requests that a key may make at once before its rate counts.")
    ] = 100
    trusted_keys_file: Annotated[
        Path | None,
        Field(
            description="The file of public keys, one of which must have signed a model, read "
            "again when it changes; 'exporter keygen' makes them. Needs the extra "
            "inference[signing]."
        ),
    ] = None
    url: Annotated[
        str | None,
        Field(
            description="Where the commands find the running service, with a path prefix where a "
            "proxy adds one. Unset: INFERENCE_HOST and INFERENCE_PORT."
        ),
    ] = None
    api_key: Annotated[
        SecretStr | None,
        Field(description="The key that the commands send to the running service."),
    ] = None

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.lower().split(",") if part.strip())
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _need_names(cls, hosts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for host in hosts or ():
            if not _HOST.fullmatch(host):
                raise ValueError(
                    f"'{host}' is not a host name: give names like models.example.com, no port"
                )
        return hosts

    @field_validator("url")
    @classmethod
    def _need_url(cls, url: str | None) -> str | None:
        return None if url is None else check_url(url)

    @field_validator("cors_origins")
    @classmethod
    def _need_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"'{origin}' is not an origin: give scheme, host and port like "
                    "https://app.example.com:8443, without a path"
                )
        return origins
