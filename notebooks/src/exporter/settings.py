"""The settings of a publication: arguments, then environment variables, then defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from exporter.errors import OptionError
from inference.admission.admission import Limits
from inference.settings import InvalidSettingsError, Settings
from inference.settings.explanation import explain

DEFAULT_MODELS_DIR = "models"
DEFAULT_URL = "http://127.0.0.1:8000"


def resolve_models_dir(models_dir: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    """Find the models folder: the argument, ``EXPORTER_MODELS_DIR``, or ``models``.

    Raises:
        OptionError: It is not a path.
    """
    chosen = models_dir or os.environ.get("EXPORTER_MODELS_DIR") or DEFAULT_MODELS_DIR
    return check_path(chosen, "models_dir")


def check_path(path: Any, what: str) -> str | os.PathLike[str]:
    """Return a path, or the URL of a bucket.

    Raises:
        OptionError: It is neither.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text:
        raise OptionError(f"{what} must be a path such as 'models', not {path!r}")
    checked: str | os.PathLike[str] = path
    return checked


def resolve_prediction_log(folder: str | os.PathLike[str] | None) -> Path:
    """Find the folder of the prediction log: the argument, or ``EXPORTER_PREDICTION_LOG``.

    Raises:
        OptionError: Neither is set, or there is no such folder.
    """
    chosen = folder or os.environ.get("EXPORTER_PREDICTION_LOG")
    if not chosen:
        raise OptionError(
            "pass folder=, or set EXPORTER_PREDICTION_LOG, to the folder that the service logs to "
            "(its INFERENCE_PREDICTION_LOG)"
        )
    path = Path(check_path(chosen, "folder")).expanduser()
    if not path.is_dir():
        raise OptionError(f"there is no folder {path}: the service logs nothing there")
    return path


def resolve_url(url: str | None) -> str:
    """Find the service: the argument, ``EXPORTER_URL``, or the local default.

    Raises:
        OptionError: It is not an HTTP URL.
    """
    return _checked(url or os.environ.get("EXPORTER_URL") or DEFAULT_URL)


def resolve_link_url(service: str) -> str:
    """Find the address to show to a person: ``EXPORTER_LINK_URL``, or that of the service.

    They differ where the notebook reaches the service by another name than the person's browser
    does, as between containers.

    Args:
        service: Where the service answers.

    Raises:
        OptionError: It is not an HTTP URL.
    """
    return _checked(os.environ.get("EXPORTER_LINK_URL") or service)


def resolve_keep(keep: int | None) -> int | None:
    """Find how many versions of a model to keep: the argument, ``EXPORTER_KEEP``, or all.

    Raises:
        OptionError: The value is not a whole number of at least 1.
    """
    chosen: Any = keep if keep is not None else os.environ.get("EXPORTER_KEEP") or None
    what = "keep" if keep is not None else "EXPORTER_KEEP"
    if isinstance(chosen, str) and chosen.isascii() and chosen.isdecimal():
        chosen = int(chosen)
    if chosen is None:
        return None
    whole = isinstance(chosen, int | np.integer) and not isinstance(chosen, bool)
    if not whole or chosen < 1:
        raise OptionError(f"{what} must be a whole number of at least 1, not {chosen!r}")
    return int(chosen)


def resolve_limits() -> Limits:
    """Find what the examination of a file may take: as the service, from ``INFERENCE_ADMISSION_*``.

    The service reads its own environment: raise both for a file that takes longer.

    Raises:
        OptionError: A setting of the service is wrong.
    """
    try:
        settings = Settings()
    except InvalidSettingsError as error:
        raise OptionError(f"the environment is wrong: {'; '.join(explain(error))}") from None
    return Limits(settings.admission_timeout_seconds, settings.admission_memory_bytes)


def _checked(chosen: Any) -> str:
    instead = f"pass one such as {DEFAULT_URL!r}"
    if not isinstance(chosen, str):
        raise OptionError(f"url must be a string, not {chosen!r}: {instead}")
    url: str = chosen.strip()
    try:
        parts = urlsplit(url)
        _ = parts.port, (parts.hostname or "").encode("idna"), httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise OptionError(f"url {url!r} is not a URL: {error}; {instead}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionError(f"url {url!r} is not an HTTP URL: {instead}")
    if parts.query or parts.fragment:
        raise OptionError(f"url {url!r} has a query or a fragment: {instead}")
    return url.rstrip("/")
