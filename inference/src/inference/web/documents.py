"""Documents: what a GET answers with, made off the loop, once for all who ask at the same time.

The description of thousands of models takes long to make and is large, and anybody may ask for it
as often as they like. So it is kept while what it describes is the same, told by its ETag, and
written no faster than the client reads.
"""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from starlette.responses import Response

from inference.runtime.threads import PIECE_BYTES, make_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

T = TypeVar("T")

_KEPT = 16  # documents about single models
_PIECES_PER_TURN = 4

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


class Encoded(NamedTuple):
    """A document as bytes.

    Attributes:
        body: The bytes.
        etag: What tells them from others.
    """

    body: bytes
    etag: str


def encoded(body: bytes) -> Encoded:
    """Give a body its ETag; to be called where the document is made."""
    return Encoded(body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"')


class DocumentResponse(Response):
    """Answers with a document, or with 304 to who has it.

    Args:
        document: The document.
        media_type: What it is.
    """

    def __init__(self, document: Encoded, media_type: str = "application/json") -> None:
        super().__init__(media_type=media_type)
        self._document = document
        self.headers["etag"] = document.etag
        self.headers["cache-control"] = "no-cache"  # may be kept, and is asked for each time

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Write the answer."""
        body = self._document.body
        if _has_it(scope["headers"], self._document.etag):
            self.status_code, body = 304, b""
            del self.headers["content-length"]
        else:
            self.headers["content-length"] = str(len(body))
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        view = memoryview(body)
        for number, begin in enumerate(range(0, len(body), PIECE_BYTES)):
            piece = bytes(view[begin : begin + PIECE_BYTES])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if number % _PIECES_PER_TURN == _PIECES_PER_TURN - 1:
                await asyncio.sleep(0)  # a fast reader must not keep others waiting either
        await send({"type": "http.response.body", "body": b""})


def _has_it(headers: list[tuple[bytes, bytes]], etag: str) -> bool:
    known = b",".join(value for name, value in headers if name == b"if-none-match")
    tags = {tag.strip().removeprefix("W/") for tag in known.decode("latin-1").split(",")}
    return etag in tags or "*" in tags
