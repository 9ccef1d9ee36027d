"""Documents that are made in a thread, once for all simultaneous requests, and kept while valid.

The description of thousands of models is slow to make, and every caller can request it at any rate.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from inference.runtime.threads import make_threads

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_KEPT = 16  # documents about single models

_threads = make_threads(2, "documents")


async def run_aside(call: Callable[..., T], *args: Any) -> T:
    """Make something off the loop; two are made at a time."""
    return await asyncio.get_running_loop().run_in_executor(_threads, call, *args)


class Subject(NamedTuple):
    """What a document describes.

    Attributes:
        thing: It; another object when anything about it is other than before. ``None`` for what
            changes all the time.
        choice: What else the document depends on.
    """

    thing: Any
    choice: Any = None

    def is_same(self, other: Subject) -> bool:
        """Tell whether nothing has changed since."""
        is_same = self.thing is not None and self.thing is other.thing
        return is_same and bool(self.choice == other.choice)


class Document(Generic[T]):
    """Makes a document when it is asked for, and keeps it for as long as it holds.

    Args:
        current: Gives the subject as it is now.
        make: Makes the document of a subject; called in a thread, one call at a time.
    """

    def __init__(self, current: Callable[[], Subject], make: Callable[[Subject], T]) -> None:
        self._current = current
        self._make = make
        # Weakly, since a document must not keep models in memory that have gone.
        self._thing: Callable[[], Any] = _nothing
        self._choice: Any = None
        self._made: Any = None
        self._begun = 0
        self._making: asyncio.Task[T] | None = None
        self._making_of = Subject(None)

    async def get(self) -> T:
        """Give the document of the subject as it is now, or as it was later on."""
        begun = self._begun
        while True:
            subject = self._current()
            known = Subject(self._thing(), self._choice)
            if known.is_same(subject):
                made: T = self._made
                return made
            if self._making is None:
                self._begun += 1
                self._making_of = subject
                self._making = asyncio.create_task(self._make_of(subject))
            is_current = self._begun > begun or self._making_of.is_same(subject)
            # A client that leaves must not end what others wait for.
            latest = await asyncio.shield(self._making)
            if is_current:
                return latest

    async def _make_of(self, subject: Subject) -> T:
        try:
            made = await run_aside(self._make, subject)
        finally:
            self._making = None
            self._making_of = Subject(None)
        if subject.thing is not None:
            self._thing, self._choice = weakref.ref(subject.thing), subject.choice
            self._made = made
        return made


def _nothing() -> None:
    pass


class Documents(Generic[T]):
    """Documents of one kind, about single models; those asked for last are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, Document[T]] = OrderedDict()

    def of(
        self, key: Any, current: Callable[[], Subject], make: Callable[[Subject], T]
    ) -> Document[T]:
        """Find or add a document; see :class:`Document`."""
        document = self._kept.pop(key, None) or Document(current, make)
        self._kept[key] = document
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return document
