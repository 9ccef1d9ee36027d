"""``NaN`` in a body, which is no JSON: Python's clients write it for a missing value."""

from __future__ import annotations

import re

from inference.runtime.threads import PIECE_BYTES

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|NaN', re.DOTALL)


def replace_nan(text: bytes) -> bytes:
    """Return JSON with ``null`` for each ``NaN`` outside of strings.

    >>> replace_nan(b'{"NaN": [NaN, 1]}')
    b'{"NaN": [null, 1]}'
    """
    pieces = range(0, len(text), PIECE_BYTES)
    if all(text.find(b"NaN", at, at + PIECE_BYTES + 2) < 0 for at in pieces):
        return text
    parts: list[bytes] = []
    begin = 0
    # One token at a time, so that other threads run in between.
    for token in _TOKEN.finditer(text):
        if token[0] == b"NaN":
            parts.append(text[begin : token.start()])
            begin = token.end()
    return b"null".join([*parts, text[begin:]]) if parts else text
