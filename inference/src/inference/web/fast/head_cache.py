"""Heads of requests that have been parsed before: clients send the same one again and again.

What a head says follows from its bytes alone, so a connection that is between two messages, and
receives a head it knows with a body of the length that head announces, has nothing left to parse.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from inference.web.message.exchange import Routes
    from inference.web.message.headers import Headers

_METHOD = b"POST "  # all hot routes take this one; what begins otherwise begins with blank lines
_END = b"\r\n\r\n"
LARGEST_KEPT = 2048  # bytes of a head
_MOST = 256


class ParsedHead(NamedTuple):
    """What one head says.

    Attributes:
        family: The routes that it asks.
        path: Its path, decoded.
        headers: Its headers; names in lower case.
        body_bytes: How long a body it announces.
        scope: What ASGI makes of it, but for the connection; only where requests go that way.
    """

    family: Routes
    path: str
    headers: Headers
    body_bytes: int
    scope: dict[str, Any] | None = None


class HeadCache:
    """The heads that are known; when there are too many, the oldest is forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, ParsedHead] = OrderedDict()

    def find(self, message: bytes) -> tuple[ParsedHead, bytes] | None:
        """Find the head of a message, and its body.

        Args:
            message: What has come, from the beginning of a message.

        Returns:
            ``None`` when the head is not known, or when this is not one whole message.
        """
        end = message.find(_END) + len(_END)
        head = self._known.get(message[:end])
        if head is None or len(message) - end != head.body_bytes:
            return None
        return head, message[end:]

    def note(self, message: bytes, head: ParsedHead) -> None:
        """Remember a head.

        Args:
            message: One message or several, from the beginning of the first.
            head: What the last one's says; it is remembered only if that is the first one's, too.
        """
        end = message.find(_END) + len(_END)
        if not message.startswith(_METHOD) or end > LARGEST_KEPT:
            return
        # Anything behind the body, or between it and the head, makes the lengths differ.
        if len(message) - end != head.body_bytes:
            return
        if any(name == b"x-request-id" for name, _ in head.headers):
            return  # it will not come again
        self.keep(message[:end], head)

    def keep(self, text: bytes, head: ParsedHead) -> None:
        """Remember a head that is known to be that of one whole message.

        Args:
            text: Its bytes.
            head: What they say.
        """
        if len(self._known) >= _MOST:
            self._known.popitem(last=False)
        self._known[text] = head
