"""Pieces of documents about one model, rebuilt only when that model changes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from inference.repository.snapshot import Model, Snapshot

T = TypeVar("T")


class Pieces(Generic[T]):
    """The pieces of one kind of document. Not thread-safe.

    Args:
        make: Makes a piece from a model and its choice.
    """

    def __init__(self, make: Callable[[Model, Any], T]) -> None:
        self._make = make
        self._made: dict[str, tuple[weakref.ref[Model], Any, T]] = {}

    def of(
        self, snapshot: Snapshot, choices: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Model, T]]:
        """Return every model with its piece.

        Args:
            snapshot: The models.
            choices: By name of the model, anything else that its piece depends on.
        """
        kept: dict[str, tuple[weakref.ref[Model], Any, T]] = {}
        for name, model in snapshot.models.items():
            choice = None if choices is None else choices.get(name)
            before = self._made.get(name)
            if before is not None and before[0]() is model and before[1] == choice:
                kept[name] = before
            else:
                kept[name] = weakref.ref(model), choice, self._make(model, choice)
            yield model, kept[name][2]
        self._made = kept
