"""``NaN`` in a body, which is no JSON: Python's clients write it for a missing value."""

from __future__ import annotations

import re
from typing import cast

from inference.runtime.threads import PIECE_BYTES

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|NaN', re.DOTALL)


def replace_nan(text: bytes) -> bytes:
    """Return JSON with ``null`` for each ``NaN`` outside of strings.

    >>> bytes(replace_nan(b'{"NaN": [NaN, 1]}'))
    b'{"NaN": [null, 1]}'
    """
    pieces = range(0, len(text), PIECE_BYTES)
    if all(text.find(b"NaN", at, at + PIECE_BYTES + 2) < 0 for at in pieces):
        return text
    replaced = bytearray()
    begin = 0
    # One token at a time, so that other threads run in between.
    for token in _TOKEN.finditer(text):
        if token[0] == b"NaN":
            replaced += text[begin : token.start()]
            replaced += b"null"
            begin = token.end()
    if not replaced:
        return text
    replaced += text[begin:]
    return cast("bytes", replaced)  # it does all that is asked of bytes; a copy costs as much
