"""Cut a long JSON list into short lists, at commas between its own items.

Decoders hold the interpreter's lock from the first byte to the last, even in a thread, and make
objects of all they find. So a long body is decoded piece by piece: other threads run between
two pieces, and reading stops at the first piece that shows that the rest is of no use.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from inference.errors import RequestError, TooLargeError
from inference.runtime.threads import PIECE_BYTES

# Up to this size, a body is decoded at once, which takes a few milliseconds at most.
WHOLE_BYTES = 128 * 1024
MAX_ITEM_BYTES = 1024 * 1024  # the default of INFERENCE_MAX_ROW_BYTES, too
_SPACES_BYTES = 4 * 1024

_SPACE = rb"[ \t\r\n]*+"
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_PLAIN = rb'[^"\[\]{}]++|' + _STRING
# Values within a row may be lists or records, which are wrong and can still be reported by name.
_VALUES = rb"(?:%s|\[(?:%s)*+\]|\{(?:%s)*+\})*+" % ((_PLAIN,) * 3)
_ITEM = rb'(?:\[%s\]|\{%s\}|%s|[^ \t\r\n"\[\]{},]++)' % (_VALUES, _VALUES, _STRING)
_ITEMS = re.compile(rb"(?:%s%s%s,)*+" % (_SPACE, _ITEM, _SPACE), re.DOTALL)
_LIST_OF_ROWS = re.compile(rb"%s\[%s(?=[\[{])" % (_SPACE, _SPACE))
_END = re.compile(rb"%s\]" % _SPACE)
_LAST_ITEM = re.compile(rb"%s%s%s\]" % (_SPACE, _ITEM, _SPACE), re.DOTALL)


class Span(NamedTuple):
    """A part of a body, which is not copied.

    Attributes:
        body: The whole body.
        start: Where the part begins.
        end: Where it ends.
    """

    body: bytes
    start: int
    end: int

    @classmethod
    def whole(cls, body: bytes) -> Span:
        """Return all of a body."""
        return cls(body, 0, len(body))


def find_rows(body: bytes) -> int | None:
    """Return where the first row of a list of rows begins; ``None`` for any other body."""
    opening = _LIST_OF_ROWS.match(body, 0, _SPACES_BYTES)
    return None if opening is None else opening.end()


def find_end(text: Span) -> int | None:
    """Return where a list ends that something may follow; ``None`` if its end is not found.

    Args:
        text: From the first item of the list on.
    """
    body, offset, last = text
    size = PIECE_BYTES
    while size <= 2 * MAX_ITEM_BYTES:
        limit = min(offset + size, last)
        reached = _ITEMS.match(body, offset, limit).end()  # type: ignore[union-attr]
        if reached > offset:
            offset, size = reached, PIECE_BYTES
            continue
        closing = _LAST_ITEM.match(body, offset, limit)
        if closing is not None or limit == last:
            return None if closing is None else closing.end()
        size *= 2
    return None


class LongList:
    """A list that is read in pieces, each of which is a list of whole items.

    The decoder of the pieces finds what is no JSON; the last piece has all that follows it. A piece
    is about 64 KiB long, or one longer item.

    Args:
        text: The list from its first item on, and nothing behind it.
        closing: How an item ends, its comma included.
        max_item_bytes: The longest item.
    """

    def __init__(self, text: Span, closing: bytes, *, max_item_bytes: int) -> None:
        self._body, start, self._size = text
        self._start = self._offset = self._end = start
        self._closing = closing
        self._max_item_bytes = max_item_bytes

    @property
    def is_over(self) -> bool:
        """Whether the last piece was accepted."""
        return self._offset >= self._size

    def accept(self) -> None:
        """Go on behind the piece that was cut last."""
        self._offset = self._end

    def guess(self) -> bytes | None:
        """Cut a piece in little time.

        Returns:
            ``None`` where there is no guess. A wrong guess is cut within an item, and no JSON.
        """
        body, offset = self._body, self._offset
        if self._size - offset <= PIECE_BYTES:
            return None
        closing = body.rfind(self._closing, offset, offset + PIECE_BYTES)
        end = closing + len(self._closing) - 1
        if closing < 0 or body.count(b'"', offset, end) % 2 or body.find(b"\\", offset, end) >= 0:
            return None
        self._end = end + 1
        return b"[%b]" % body[offset:end]

    def cut(self) -> bytes:
        """Cut a piece between items.

        Raises:
            RequestError: A comma is followed by no item.
            TooLargeError: An item is too long, or is nested deeper than its values' lists.
        """
        body, offset, size = self._body, self._offset, PIECE_BYTES
        while self._size - offset > size + 1:  # what closes an item, or the list, is one more
            end = _ITEMS.match(body, offset, offset + size + 1).end()  # type: ignore[union-attr]
            if end > offset:
                self._end = end
                return b"[%b]" % body[offset : end - 1]
            if size >= self._max_item_bytes:
                raise TooLargeError(
                    "an item of a list is nested too deep, or has more than "
                    f"{self._max_item_bytes:,} bytes (INFERENCE_MAX_ROW_BYTES)"
                )
            size = min(2 * size, self._max_item_bytes)
        if offset > self._start and _END.match(body, offset, self._size):
            raise RequestError(
                "the body is not JSON: the last item of a list is followed by a comma"
            )
        self._end = self._size
        return b"[" + body[offset : self._size]
