"""What the objects of a store mean: ``NAME/VERSION/model.onnx``, or ``NAME.onnx`` for version 1."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inference.storage.object_store import StoredObject

Key = tuple[str, int]  # a model's name and version

FILE_NAME = "model.onnx"
_VERSIONED = re.compile(rf"([^/]+)/([1-9][0-9]{{0,17}})/{re.escape(FILE_NAME)}")
_FLAT = re.compile(r"([^/]+)\.onnx")
MOST_NAMED = 20  # that are named


class RemoteVersion(NamedTuple):
    """One version in the store.

    Attributes:
        name: The model's name.
        version: The version.
        stored: Its object.
    """

    name: str
    version: int
    stored: StoredObject


@dataclass
class Listing:
    """The versions that a store has.

    Attributes:
        versions: By model and version.
        unseen: Models that could not be listed; they may well be there.
        ignored: Paths of ONNX files that are no versions, at most 20.
        missing: Paths that an index lists, and that are not there.
    """

    versions: dict[str, dict[int, RemoteVersion]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def version_path(name: str, version: int) -> str:
    """Return the path of a version's object."""
    return f"{name}/{version}/{FILE_NAME}"


def parse_listing(objects: Iterable[StoredObject], is_name: Callable[[str], bool]) -> Listing:
    """Find the versions among objects; a versioned folder wins over a flat file.

    Args:
        objects: What the store has.
        is_name: Whether a model may have a name.
    """
    listing = Listing()
    flat: list[RemoteVersion] = []
    for stored in objects:
        found = _parse(stored)
        if found is not None and is_name(found.name) and not found.name.endswith(".onnx"):
            if stored.path.count("/"):
                listing.versions.setdefault(found.name, {})[found.version] = found
            else:
                flat.append(found)
        elif stored.path.endswith(".onnx") and not _is_hidden(stored.path):
            listing.ignored.append(stored.path)
    for found in flat:
        listing.versions.setdefault(found.name, {1: found})
    listing.ignored = sorted(listing.ignored)[:MOST_NAMED]
    return listing


def _parse(stored: StoredObject) -> RemoteVersion | None:
    match = _VERSIONED.fullmatch(stored.path)
    if match:
        return RemoteVersion(match[1], int(match[2]), stored)
    match = _FLAT.fullmatch(stored.path)
    return RemoteVersion(match[1], 1, stored) if match else None


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
