"""Convert JSON in any Unicode encoding to UTF-8, and say why it cannot be decoded."""

from __future__ import annotations

import codecs
import json
import re

import msgspec

from inference.errors import RequestError
from inference.runtime.threads import PIECE_BYTES

_LOOKED_AT = 4
_USUAL = b'{"'
# An escape: a surrogate pair, half of one as a group, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def is_utf8(start: bytes) -> bool:
    """Whether JSON is in UTF-8 without a byte order mark, by its first four bytes."""
    return start[:2] == _USUAL or json.detect_encoding(start) == "utf-8"


def to_utf8(text: bytes) -> bytes:
    """Return JSON in UTF-8 without a byte order mark; the same object if it already is.

    Source: RFC 8259, section 8.1, and the older RFC 4627, section 3, for UTF-16 and UTF-32.

    Raises:
        RequestError: It is not in the encoding that its first bytes show.

    >>> to_utf8("[1]".encode("utf-16")), to_utf8(b"[1]")
    (b'[1]', b'[1]')
    """
    encoding = json.detect_encoding(text[:_LOOKED_AT])
    if encoding == "utf-8":
        return text
    if encoding == "utf-8-sig":
        return text[len(codecs.BOM_UTF8) :]
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        pieces = [
            decoder.decode(text[at : at + PIECE_BYTES]).encode()
            for at in range(0, len(text), PIECE_BYTES)
        ]
        return b"".join([*pieces, decoder.decode(b"", final=True).encode()])
    except UnicodeError:
        name = encoding[:6].upper()
        raise RequestError(
            f"the body begins like {name} but is not valid {name}: send UTF-8"
        ) from None


def explain_refusal(
    error: Exception, text: bytes | memoryview, start: int = 0, end: int | None = None
) -> str:
    r"""Return why a decoder has refused JSON.

    Of half a surrogate pair, msgspec says that the text is truncated.

    Args:
        error: What the decoder has raised.
        text: What has the JSON.
        start: Where it begins.
        end: Where it ends; ``None`` for the end of the text.

    >>> explain_refusal(msgspec.DecodeError("truncated"), rb'["\ud83d"]')
    'it holds half of a surrogate pair, \\ud83d, which is not Unicode text'
    """
    if type(error) is msgspec.DecodeError:
        for escape in _ESCAPE.finditer(text, start, len(text) if end is None else end):
            if escape[1]:
                half = bytes(escape[0]).decode()
                return f"it holds half of a surrogate pair, {half}, which is not Unicode text"
    return str(error)
