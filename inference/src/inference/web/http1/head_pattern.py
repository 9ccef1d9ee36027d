"""Heads of one connection that differ in a few values only.

A client sends the same head again and again, or one in which only some values change: an id, a
trace, the length of the body. Such a head is compared with the one before instead of parsed.
Everything outside these values must be equal byte by byte, and the values must be plain (see
:mod:`inference.web.http1.plain_head`), so that the parser would read the head in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.http1.plain_head import header_spans, is_plain_length, is_plain_value

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from inference.web.http1.plain_head import PlainHead
    from inference.web.message.headers import Headers

_LENGTH = b"content-length"
# Headers that decide about a connection or a caller. What follows from their values is kept with
# the pattern, so these never vary.
_DECIDING = frozenset({b"host", b"connection", b"authorization", b"x-api-key"})


class HeadPattern:
    """One head, and all that differ from it in the values of some headers.

    Args:
        head: The bytes of the head.
        headers: Its headers; names in lower case.
        body_bytes: The length of the body.

    Attributes:
        headers: The headers of the head.
        varying: The indices of the headers whose values may differ.
    """

    __slots__ = ("_fields", "_fixed", "_max_body_bytes", "_max_head_bytes", "_message_bytes",
                 "headers", "varying")  # fmt: skip

    def __init__(self, head: bytes, headers: Headers, body_bytes: int) -> None:
        self._fixed = head  # up to the first value that may differ
        self._message_bytes = len(head) + body_bytes
        self._max_head_bytes = self._max_body_bytes = 0
        # Index and name of a header whose value may differ, and the bytes from its value's end on.
        self._fields: list[tuple[int, bytes, bytes]] = []
        self.headers = headers
        self.varying: AbstractSet[int] = frozenset()

    def match(self, message: bytes) -> tuple[Headers, bytes] | None:
        """Return the headers and the body of a message with such a head.

        Args:
            message: What was received, from the beginning of a message.

        Returns:
            ``None`` for another head, and if this is not exactly one message.
        """
        if not message.startswith(self._fixed):
            return None
        if self._fields:
            return self._match_fields(message)
        if len(message) != self._message_bytes:
            return None
        return self.headers, message[len(self._fixed) :]

    def _match_fields(self, message: bytes) -> tuple[Headers, bytes] | None:
        headers = self.headers.copy()
        body_bytes = self._message_bytes - len(self._fixed)
        at = len(self._fixed)
        for index, name, following in self._fields:
            end = message.find(b"\r\n", at)
            if end < 0 or not message.startswith(following, end):
                return None
            if name == _LENGTH:
                if not is_plain_length(message, at, end):
                    return None
                body_bytes = int(message[at:end])
            elif not is_plain_value(message, at, end):
                return None
            headers[index] = (name, message[at:end])
            at = end + len(following)
        if (
            len(message) - at != body_bytes
            or at > self._max_head_bytes
            or body_bytes > self._max_body_bytes
        ):
            return None
        return headers, message[at:]

    def widen(
        self, message: bytes, head: PlainHead, *, max_head_bytes: int, max_body_bytes: int
    ) -> HeadPattern | None:
        """Return a pattern that has another head of the same path, too.

        Args:
            message: The whole message.
            head: Its head, with headers of the same names.
            max_head_bytes: The longest head.
            max_body_bytes: The longest body.

        Returns:
            ``None`` if the heads differ in more than in values that may differ.
        """
        varying = set(self.varying)
        if len(self.headers) != len(head.headers):
            return None
        for index, (one, other) in enumerate(zip(self.headers, head.headers, strict=True)):
            if one != other:
                if one[0] != other[0] or one[0] in _DECIDING:
                    return None
                varying.add(index)
        pattern = HeadPattern(message[: head.size], head.headers, len(message) - head.size)
        pattern.varying = varying
        pattern._max_head_bytes, pattern._max_body_bytes = max_head_bytes, max_body_bytes
        spans = header_spans(message, head.size)
        pattern._cut(message[: head.size], [(i, *spans[i]) for i in sorted(varying)])
        return pattern

    def _cut(self, head: bytes, values: list[tuple[int, int, int]]) -> None:
        """Cut a head at its varying values, each given by its index, start and end."""
        if not values:
            return
        body_bytes = self._message_bytes - len(head)
        self._fixed = head[: values[0][1]]
        starts = [start for _, start, _ in values[1:]] + [len(head)]
        for (index, _, end), until in zip(values, starts, strict=True):
            self._fields.append((index, self.headers[index][0], head[end:until]))
        self._message_bytes = len(self._fixed) + body_bytes
