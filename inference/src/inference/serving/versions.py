"""Versions as paths spell them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from inference.errors import NotFoundError
from inference.runtime.suggestions import shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.repository.snapshot import Snapshot
    from inference.repository.traffic.split import Request

AnyRequest = TypeVar("AnyRequest", bound="Request")

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


def find_again(
    find: Callable[[AnyRequest, Snapshot], Servable], request: AnyRequest, snapshot: Snapshot
) -> Servable:
    """Return what a split has chosen for a request, or else find what answers.

    Args:
        find: Finds it; a split chooses anew whenever it is called.
        request: The request, for which a look-up may have succeeded before.
        snapshot: The models.
    """
    chosen: Servable | None = getattr(request, "chosen", None)
    return find(request, snapshot) if chosen is None else chosen
