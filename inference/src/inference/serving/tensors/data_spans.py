"""The outline of a long request in JSON: all of it but its inputs' data.

A decoder reads a document in one go, and cannot skip parts that are not needed. The long lists of
data are therefore taken out first, and read in pieces by :mod:`inference.serving.tensors.values`.
The rest of a valid request is short.
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
    size, place = 0, 0
    while place < end:
        key = _KEY.search(body, place, min(place + PIECE_BYTES, end))
        until = key.end() if key else min(place + PIECE_BYTES - _KEY_BYTES, end)
        until = max(until, place + 1)
        kept.append(body[place:until])
        size += until - place
        place = until
        if size > WHOLE_BYTES:
            raise TooLargeError(
                f"the request has more than {WHOLE_BYTES:,} bytes beside its inputs' data: shorten "
                "what is no data, or send it as binary data"
            )
        if key is None:
            continue
        closing = _find_end(body, place, end, max_strings)
        if closing - place > _SHORT_BYTES:
            mark = b'{"":%d}' % len(lists)
            lists[mark] = Span(body, place, closing)
            kept.append(mark)
            place = closing
    return b"".join(kept), lists


def _find_end(body: bytes, start: int, end: int, max_strings: int) -> int:
    """Tell where a list ends; its beginning where it does not, or holds what no data can."""
    opening = _OPENING.match(body, start, end)
    if opening is not None and body[opening.end() : opening.end() + 1] == b'"':
        return _find_end_of_strings(body, start, end, max_strings)
    following = body.find(b'"', start, end)
    following = body.find(b"}", start, end if following < 0 else following)
    if following < 0:
        following = max(body.find(b'"', start, end), start)
    return max(body.rfind(b"]", start, following) + 1, start)


def _find_end_of_strings(body: bytes, start: int, end: int, max_strings: int) -> int:
    depth, place, size, commas = 1, start + 1, PIECE_BYTES, 0
    while place < end:
        reached = _STRINGS.match(body, place, min(place + size, end)).end()  # type: ignore[union-attr]
        found = bytes(body[reached : reached + 1])
        commas += body.count(b'",', place, reached)  # as many as strings, or more
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
        elif found in {b"[", b"{", b"}"} or (reached == place and size > MAX_ITEM_BYTES):
            return start
        elif found == b'"' and reached == place:
            size *= 2
            continue
        else:
            place = reached
            continue
        place, size = reached + 1, PIECE_BYTES
    return start
