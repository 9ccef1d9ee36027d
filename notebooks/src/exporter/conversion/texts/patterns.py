"""Translation of token patterns from Python's regular expressions to RE2's."""

from __future__ import annotations

import re

from exporter.conversion.texts.characters import capitals
from exporter.errors import ConversionError

WORD = r"[\pL\pN_]"  # Python's \w; RE2's is limited to ASCII
_SIMPLE_PATTERN = re.compile(r"(?:\(\?u\))?(\\b)?((?:\\w)+)(\+|\{\d+,\d*\})?(\\b)?")
_PLAIN_PATTERN = re.compile(
    r"(?:\(\?u\))?((?:\[[^\\\]\[^]+\]|[A-Za-z0-9]|[+*?]|\{\d+(?:,\d*)?\})+)"
)
_RUN = re.compile(r"(\[[^\]^][^\]]*\])(?:\+|\{(\d+),\})")
_MARK = "\N{COMBINING DOT ABOVE}"
_LAST_LETTER = 0x10000
SPACES = ["\t", "\n", "\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0"]
SPACES += [chr(c) for c in [0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]]
# Runs of word characters: a boundary at their ends would have no effect.
_WHOLE = {
    mark + pattern: f"{piece}+"
    for patterns, piece in (
        ((r"[\w]+",), WORD),
        ((r"\S+", r"[^\s]+"), "[^" + "".join(SPACES) + "]"),
    )
    for pattern in patterns
    for mark in ("", "(?u)")
}


def before_lowering(pattern: str) -> str | None:
    """Return a pattern for a text whose words are lowered only after they have been found.

    Python lowers a dotted capital I to an i and a combining mark, which ends a word of letters.

    Args:
        pattern: A pattern returned by :func:`translate`.

    Returns:
        The pattern; ``None`` if it is not a run of one class of characters.
    """
    if pattern.startswith(WORD):
        least = pattern.count(WORD) if pattern.endswith("+") else int(pattern[len(WORD) + 1 : -2])
        piece, dotted = r"(?:[^\PL\x{130}]|[\pN_])", True
    else:
        run = _RUN.fullmatch(pattern)
        if run is None:
            return None
        least = int(run[2] or 1)
        inside = {c for c in map(chr, range(_LAST_LETTER)) if re.match(run[1], c)}
        raw = {c for c in inside if c.lower() == c} | {
            c for c, low in capitals().items() if low in inside
        }
        piece, dotted = (
            "[" + "".join(rf"\x{{{ord(c):x}}}" for c in sorted(raw)) + "]",
            "i" in inside,
        )
        if _MARK in inside:
            return None
    words = f"{piece}{{{least},}}"
    return rf"{piece}{{{least - 1},}}\x{{130}}|{words}" if dotted else words


def translate(pattern: str | None) -> str:
    """Translate a ``token_pattern`` to RE2, whose words and boundaries are limited to ASCII.

    Raises:
        ConversionError: RE2 has no such pattern.
    """
    if pattern in _WHOLE:
        return _WHOLE[pattern]
    simple = _SIMPLE_PATTERN.fullmatch(pattern or "")
    if simple:
        # Without an upper bound a match ends where the word does, with or without boundaries.
        head, tail = simple[2].count("w"), simple[3]
        if tail == "+":
            return WORD * head + "+"
        if tail and head == 1:
            low, high = tail[1:-1].split(",")
            if not high:
                return WORD + f"{{{low},}}"
    plain = _PLAIN_PATTERN.fullmatch(pattern or "")
    if plain:
        return plain[1]
    raise ConversionError(
        f"the token_pattern {pattern!r} cannot be written as ONNX: use the default, or one like "
        r"r'(?u)\b\w+\b' or '[a-z]+'"
    )
