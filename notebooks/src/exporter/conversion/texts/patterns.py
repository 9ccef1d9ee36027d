"""Patterns of tokens: from Python's regular expressions to RE2's."""

from __future__ import annotations

import re

from exporter.errors import ConversionError

WORD = r"[\pL\pN_]"  # what Python's \w means; RE2's is ASCII
_SIMPLE_PATTERN = re.compile(r"(?:\(\?u\))?(\\b)?((?:\\w)+)(\+|\{\d+,\d*\})?(\\b)?")
_PLAIN_PATTERN = re.compile(
    r"(?:\(\?u\))?((?:\[[^\\\]\[^]+\]|[A-Za-z0-9]|[+*?]|\{\d+(?:,\d*)?\})+)"
)
SPACES = ["\t", "\n", "\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0"]
SPACES += [chr(c) for c in [0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]]
# Whole runs, at whose ends a boundary would say nothing.
_WHOLE = {
    mark + pattern: f"{piece}+"
    for patterns, piece in (
        ((r"[\w]+",), WORD),
        ((r"\S+", r"[^\s]+"), "[^" + "".join(SPACES) + "]"),
    )
    for pattern in patterns
    for mark in ("", "(?u)")
}


def translate(pattern: str | None) -> str:
    """Write a ``token_pattern`` for RE2, whose own words and boundaries are those of ASCII.

    Raises:
        ConversionError: It cannot be written.
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
