"""A cache of parsed heads: clients send the same head again and again.

What a head says follows from its bytes alone. If a connection between two messages receives a
cached head and a body of the length that this head announces, nothing is left to parse.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inference.web.message.exchange import Routes
    from inference.web.message.headers import Headers

# All fast routes take this method. A message that begins with blank lines is not cached.
_METHOD = b"POST "
_END = b"\r\n\r\n"
MAX_HEAD_BYTES = 2048
_MAX_HEADS = 256


class ParsedHead(NamedTuple):
    """What one head says.

    Attributes:
        family: The routes of its path.
        path: The decoded path.
        headers: The headers; names in lower case.
        body_bytes: The length of the body.
    """

    family: Routes
    path: str
    headers: Headers
    body_bytes: int


class HeadCache:
    """Parsed heads by their bytes. A full cache drops its oldest entry."""

    def __init__(self) -> None:
        self._heads: OrderedDict[bytes, ParsedHead] = OrderedDict()

    def find(self, message: bytes) -> tuple[ParsedHead, bytes] | None:
        """Return the head and the body of a message.

        Args:
            message: What was received, from the beginning of a message.

        Returns:
            ``None`` if the head is not cached, or if this is not exactly one message.
        """
        end = message.find(_END) + len(_END)
        head = self._heads.get(message[:end])
        if head is None or len(message) - end != head.body_bytes:
            return None
        return head, message[end:]

    def add_first(self, message: bytes, head: ParsedHead) -> None:
        """Add the head of one whole message; do nothing if it cannot be cached.

        Args:
            message: One message or several, from the beginning of the first.
            head: What the head of the last message says.
        """
        end = message.find(_END) + len(_END)
        if not message.startswith(_METHOD) or end > MAX_HEAD_BYTES:
            return
        # The lengths differ if there is anything after the body, or between it and the head.
        if len(message) - end != head.body_bytes:
            return
        if any(name == b"x-request-id" for name, _ in head.headers):
            return  # it will not be sent again
        self.add(message[:end], head)

    def add(self, head_bytes: bytes, head: ParsedHead) -> None:
        """Add a head that is known to be that of one whole message."""
        if len(self._heads) >= _MAX_HEADS:
            self._heads.popitem(last=False)
        self._heads[head_bytes] = head
