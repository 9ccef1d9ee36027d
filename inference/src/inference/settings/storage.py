"""Settings of models in an object store, and the URLs of stores; nothing here needs the extra."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit, urlunsplit

from inference.settings.declaration import Check, Declared, Field

SCHEMES = ("s3", "gs", "az", "https", "http", "file")
_RIGHT = (
    "use s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, https://HOST/PATH or file:///PATH"
)


def is_store_url(text: str) -> bool:
    """Return whether a text names an object store, and not a folder.

    >>> is_store_url("s3://bucket/models"), is_store_url("models"), is_store_url("C:/models")
    (True, False, False)
    """
    scheme, found, _ = text.partition("://")
    return bool(found) and scheme.isalnum()


def check_url(url: str) -> str:
    """Check the URL of a store.

    Returns:
        The URL without a slash at its end.

    Raises:
        ValueError: It is not the URL of a store; says what would be right.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"'{shown_url(url)}' is not a URL: {error}; {_RIGHT}") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"'{shown_url(url)}' is not the URL of a store: {_RIGHT}")
    if parts.query or parts.fragment:
        raise ValueError(
            f"'{shown_url(url)}' has a query or a fragment. A presigned URL is valid for one "
            f"object and one method: give credentials instead, and {_RIGHT}"
        )
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError(f"'{url}' has no absolute path: use file:///PATH")
    elif not parts.hostname:
        raise ValueError(f"'{shown_url(url)}' names no bucket: {_RIGHT}")
    return url.rstrip("/") if parts.path.strip("/") else url


def local_path(url: str) -> Path | None:
    """Return the folder of a ``file://`` URL; ``None`` for any other URL."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def shown_url(url: str) -> str:
    """Return a URL without password and query, which may hold a signature.

    >>> shown_url("https://user:secret@example.com/models?sig=abc")
    'https://example.com/models'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        scheme, _, rest = url.partition("?")[0].partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _check_models_url(url: str | None) -> str | None:
    if url is None:
        return None
    if find_spec("obstore") is None:
        raise ValueError("it requires the extra inference[storage]")
    return check_url(url)


def _check_state_url(url: str | None) -> str | None:
    if url is not None and url.startswith("http"):
        raise ValueError(
            "a web server cannot be written to: use a bucket, such as s3://BUCKET/PATH"
        )
    return _check_models_url(url)


class Storage(Declared):
    """Models in a bucket."""

    models_url: Annotated[
        str | None,
        Check(_check_models_url),
        Field(
            description="A bucket, container, folder or web server whose models are copied into "
            "INFERENCE_MODELS_DIR: `s3://BUCKET/PATH`, `gs://BUCKET/PATH`, `az://CONTAINER/PATH`, "
            "`https://HOST/PATH` or `file:///PATH`. Credentials come from the standard variables "
            "of each cloud. Requires the extra inference[storage]."
        ),
    ] = None
    sync_seconds: Annotated[
        float,
        Field(
            ge=0.2,
            le=86_400,
            description="The interval at which INFERENCE_MODELS_URL is listed, up to a fifth more "
            "or less. While the store does not answer, the interval doubles up to a minute.",
        ),
    ] = 10
    state_url: Annotated[
        str | None,
        Check(_check_state_url),
        Field(
            description="A bucket in which all replicas of the service keep one selection, pins, "
            "traffic and unloaded models, such as `s3://BUCKET/PATH`. INFERENCE_STATE_DIR then has "
            "a copy. Requires the extra inference[storage]."
        ),
    ] = None
    state_seconds: Annotated[
        float,
        Field(
            ge=0.1,
            le=60,
            description="The interval at which each replica looks for a newer state. A change is "
            "answered half a second after that time.",
        ),
    ] = 1
    state_strict: Annotated[
        bool,
        Field(
            description="Be not ready while INFERENCE_STATE_URL has not answered for ten intervals "
            "of INFERENCE_STATE_SECONDS. Otherwise it goes on with the state that it knows."
        ),
    ] = False
