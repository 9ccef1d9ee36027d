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
    """Call a function in one of two threads.

    Raises:
        NoThreadError: The system starts no thread now.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads, call, *args)


class Subject(NamedTuple):
    """The subject of a document.

    Attributes:
        thing: An object that is replaced whenever anything about it changes. ``None`` if it
            changes all the time.
        choice: Anything else that the document depends on.
    """

    thing: Any
    choice: Any = None

    def is_same(self, other: Subject) -> bool:
        """Whether nothing has changed."""
        is_same = self.thing is not None and self.thing is other.thing
        return is_same and bool(self.choice == other.choice)


class Document(Generic[T]):
    """Makes a document on request, and keeps it until its subject changes.

    Args:
        current: Returns the current subject.
        make: Makes the document of a subject. Runs in a thread, one call at a time.
    """

    def __init__(self, current: Callable[[], Subject], make: Callable[[Subject], T]) -> None:
        self._current = current
        self._make = make
        # Weak, because a document must not keep removed models in memory.
        self._thing: Callable[[], Any] = _nothing
        self._choice: Any = None
        self._made: Any = None
        self._begun = 0
        self._making: asyncio.Task[T] | None = None
        self._making_of = Subject(None)

    async def get(self) -> T:
        """Return the document of the current subject, or of a later one."""
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
    """Documents of one kind about single models; the last requested ones are kept."""

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
