"""Pieces of documents: what is said of one model, made again only when that model has changed."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference.repository.snapshot import Model, Snapshot

T = TypeVar("T")


class Pieces(Generic[T]):
    """The pieces of one kind of document; for one thread at a time.

    Args:
        make: Makes the piece about a model.
    """

    def __init__(self, make: Callable[[Model], T]) -> None:
        self._make = make
        self._made: dict[str, tuple[weakref.ref[Model], T]] = {}

    def of(self, snapshot: Snapshot) -> Iterator[tuple[Model, T]]:
        """Give every model with its piece."""
        kept: dict[str, tuple[weakref.ref[Model], T]] = {}
        for name, model in snapshot.models.items():
            before = self._made.get(name)
            if before is not None and before[0]() is model:
                kept[name] = before
            else:
                kept[name] = weakref.ref(model), self._make(model)
            yield model, kept[name][1]
        self._made = kept
