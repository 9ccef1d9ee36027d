"""Versions as paths spell them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inference.errors import NotFoundError
from inference.runtime.suggestions import shorten

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.snapshot import Snapshot
    from inference.repository.traffic.split import Request

# No more digits than a version in the models folder has: what is longer names none.
_VERSION = re.compile(r"[0-9]{1,18}", re.ASCII)


def read_version(text: str) -> int:
    """Read a version out of a path.

    Raises:
        NotFoundError: It is no version.
    """
    if _VERSION.fullmatch(text) is None:
        raise NotFoundError(f"'{shorten(text)}' is not a version: a version is a positive integer")
    return int(text)


def find_servable(
    snapshot: Snapshot, name: str, version: str | None, request: Request | None = None
) -> Servable:
    """Find what answers for the model, or for the version of it, that a path names.

    A split chooses for a request; without one the answer is the active version.

    Raises:
        NotFoundError: No such model or version.
        NotReadyError: It is still being examined or loaded.
        ConflictError: It is there and does not answer.
    """
    return snapshot.servable(name, None if version is None else read_version(version), request)
