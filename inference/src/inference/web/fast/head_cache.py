"""A cache of parsed heads: clients send the same head again and again.

What a head says follows from its bytes alone. If a connection between two messages receives a
cached head and a body of the length that this head announces, nothing is left to parse.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from inference.access.authorizer import Grant
from inference.web.http1.head_pattern import HeadPattern

if TYPE_CHECKING:
    from inference.web.http1.plain_head import PlainHead
    from inference.web.message.exchange import Routes
    from inference.web.message.headers import Headers

# All fast routes take this method. A message that begins with blank lines is not cached.
_METHOD = b"POST "
_END = b"\r\n\r\n"
MAX_HEAD_BYTES = 2048
_MAX_HEADS = 256


class KnownHead:
    """What a head says, and what follows from it.

    Args:
        family: The routes of its path.
        path: The decoded path.
        pattern: Its bytes and headers.

    Attributes:
        family: The same.
        path: The same.
        pattern: The same.
        has_id: Whether it may have an ``X-Request-ID``.
        grant: What its API key allows.
    """

    __slots__ = ("family", "grant", "has_id", "path", "pattern")

    def __init__(self, family: Routes, path: str, pattern: HeadPattern) -> None:
        self.family = family
        self.path = path
        self.pattern = pattern
        self.has_id = any(name == b"x-request-id" for name, _ in pattern.headers)
        self.grant = Grant()

    def widen(
        self, message: bytes, plain: PlainHead, *, max_head_bytes: int, max_body_bytes: int
    ) -> KnownHead | None:
        """Return the heads of this path that differ from this and another one in free values only.

        Args and Returns are those of :meth:`inference.web.http1.head_pattern.HeadPattern.widen`.
        """
        if plain.path != self.path:
            return None
        pattern = self.pattern.widen(
            message, plain, max_head_bytes=max_head_bytes, max_body_bytes=max_body_bytes
        )
        return None if pattern is None else KnownHead(self.family, self.path, pattern)


class HeadCache:
    """Parsed heads by their bytes. A full cache drops its oldest entry."""

    def __init__(self) -> None:
        self._heads: OrderedDict[bytes, KnownHead] = OrderedDict()

    def find(self, message: bytes) -> KnownHead | None:
        """Return what the head of a message says, if it is cached; the body may not fit to it.

        Args:
            message: What was received, from the beginning of a message.
        """
        return self._heads.get(message[: message.find(_END) + len(_END)])

    def add_first(
        self, message: bytes, family: Routes, path: str, headers: Headers, body_bytes: int
    ) -> None:
        """Add the head of one whole message; do nothing if it cannot be cached.

        Args:
            message: One message or several, from the beginning of the first.
            family: The routes of the last message's path.
            path: Its decoded path.
            headers: Its headers.
            body_bytes: The length of its body.
        """
        end = message.find(_END) + len(_END)
        if not message.startswith(_METHOD) or end > MAX_HEAD_BYTES:
            return
        # The lengths differ if there is anything after the body, or between it and the head.
        if len(message) - end != body_bytes:
            return
        head = message[:end]
        self.add(head, KnownHead(family, path, HeadPattern(head, headers, body_bytes)))

    def add(self, head_bytes: bytes, head: KnownHead) -> None:
        """Add a head that is known to be that of one whole message."""
        if head.has_id or len(head_bytes) > MAX_HEAD_BYTES:
            return  # with an id of its own, it will not be sent again
        if len(self._heads) >= _MAX_HEADS:
            self._heads.popitem(last=False)
        self._heads[head_bytes] = head
