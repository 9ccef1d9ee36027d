"""Valid names of models: folder names, path segments and entries of Swagger's drop-down."""

from __future__ import annotations

import re
import unicodedata

from exporter.errors import InvalidNameError
from inference.settings.model_name import RESERVED

PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Endings that the service treats as incomplete files, see its scan.
_TEMPORARY = (".tmp", ".part", ".partial", ".swp", ".swx", ".crdownload", ".filepart")


def check_name(name: str) -> str:
    """Check a model's name.

    Returns:
        The name, unchanged.

    Raises:
        InvalidNameError: The name is not valid; the message suggests a valid one.
    """
    if not isinstance(name, str):
        raise InvalidNameError(
            f"name must be a string, not {type(name).__name__}: publish(model, 'penguins', X)"
        )
    if name in RESERVED:
        raise InvalidNameError(
            f"{name!r} cannot be a model's name: it is the name of a route, /v2/models/{name}; "
            f"for example {f'{name}-model'!r}"
        )
    if PATTERN.fullmatch(name) and not name.endswith((*_TEMPORARY, ".onnx")):
        return name
    suggestion = suggest_name(name)
    raise InvalidNameError(
        f"{name!r} cannot be a model's name: use 1 to 64 lower-case letters, digits, "
        "'.', '_' or '-', beginning with a letter or digit and without a file's ending"
        + (f"; for example {suggestion!r}" if suggestion else "")
    )


def suggest_name(name: str) -> str:
    """Return the nearest valid name.

    Returns:
        A valid name, or an empty string if no character of the name can be kept.

    >>> suggest_name("Palmer Pénguins (v2)")
    'palmer-penguins-v2'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    for ending in (*_TEMPORARY, ".onnx"):
        plain = plain.removesuffix(ending)
    return re.sub(r"[^a-z0-9._-]+", "-", plain).lstrip("._-")[:64].rstrip("._-")
