"""The outline of a long request in JSON: all of it but its inputs' data.

A decoder reads a whole document at once. So the long lists of data are taken out first, and read
in pieces by :mod:`inference.serving.tensors.values`; the rest of a valid request is short.
"""

from __future__ import annotations

import re

from inference.errors import TooLargeError
from inference.runtime.threads import PIECE_BYTES
from inference.serving.tensors.list_slices import MAX_ITEM_BYTES, WHOLE_BYTES, Span
from inference.serving.tensors.query import MAX_RANK

_SHORT_BYTES = 4 * 1024
_KEY = re.compile(rb'"data"\s{0,64}+:\s{0,64}+(?=\[)')
_KEY_BYTES = 256
_OPENING = re.compile(rb"[\s\[]{1,4096}+")
# Up to a bracket, or to a string that does not end within the piece.
_PLAIN = rb'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
_STRINGS = re.compile(rb"(?:%s|\[(?:%s)*+\])*+" % (_PLAIN, _PLAIN), re.DOTALL)


def split_data(body: bytes, end: int, max_strings: int) -> tuple[bytes, dict[bytes, Span]]:
    """Take the long lists of data out of a request.

    Args:
        body: What begins with the request's JSON.
        end: Where its JSON ends.
        max_strings: The most strings in one input.

    Returns:
        The JSON with a mark, which no data can be, for each list that was taken out, and the lists
        by their marks; no list is taken out of a short request.

    Raises:
        TooLargeError: What is left is too long, or there are too many strings.
    """
    if end <= WHOLE_BYTES:
        return body if end == len(body) else body[:end], {}
    lists: dict[bytes, Span] = {}
    kept: list[bytes] = []
    size, offset = 0, 0
    while offset < end:
        key = _KEY.search(body, offset, min(offset + PIECE_BYTES, end))
        until = key.end() if key else min(offset + PIECE_BYTES - _KEY_BYTES, end)
        until = max(until, offset + 1)
        kept.append(body[offset:until])
        size += until - offset
        offset = until
        if size > WHOLE_BYTES:
            raise TooLargeError(
                f"the request has more than {WHOLE_BYTES:,} bytes beside its inputs' data: shorten "
                "what is no data, or send it as binary data"
            )
        if key is None:
            continue
        closing = _find_end(body, offset, end, max_strings)
        if closing - offset > _SHORT_BYTES:
            mark = b'{"":%d}' % len(lists)
            lists[mark] = Span(body, offset, closing)
            kept.append(mark)
            offset = closing
    return b"".join(kept), lists


def _find_end(body: bytes, start: int, end: int, max_strings: int) -> int:
    """Return where a list ends; where it begins if it has no end, or holds no data."""
    opening = _OPENING.match(body, start, end)
    if opening is not None and body[opening.end() : opening.end() + 1] == b'"':
        return _find_end_of_strings(body, start, end, max_strings)
    following = body.find(b'"', start, end)
    following = body.find(b"}", start, end if following < 0 else following)
    if following < 0:
        following = max(body.find(b'"', start, end), start)
    return max(body.rfind(b"]", start, following) + 1, start)


def _find_end_of_strings(body: bytes, start: int, end: int, max_strings: int) -> int:
    depth, offset, size, commas = 1, start + 1, PIECE_BYTES, 0
    while offset < end:
        reached = _STRINGS.match(body, offset, min(offset + size, end)).end()  # type: ignore[union-attr]
        found = bytes(body[reached : reached + 1])
        commas += body.count(b'",', offset, reached)  # as many as strings, or more
        if commas > 2 * max_strings:
            raise TooLargeError(
                f"an input has more than {max_strings} strings (INFERENCE_MAX_STRINGS): split it"
            )
        if found == b"[" and depth < MAX_RANK:
            depth += 1
        elif found == b"]":
            depth -= 1
            if not depth:
                return reached + 1
        elif found in {b"[", b"{", b"}"} or (reached == offset and size > MAX_ITEM_BYTES):
            return start
        elif found == b'"' and reached == offset:
            size *= 2
            continue
        else:
            offset = reached
            continue
        offset, size = reached + 1, PIECE_BYTES
    return start
