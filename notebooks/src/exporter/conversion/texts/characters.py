"""Replacement of single characters in texts, for which ONNX has no operator.

The graph splits a text into characters, looks each one up, and joins neighbors pair by pair until
one text is left.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.conversion.graph.builder import Graph

_LAST_COMPOSED = 0x2FFFF  # later characters have no decomposition
_DOTTED = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"
_ROUNDS = 22  # texts of up to four million characters
_NONE, _SAME = "\x00none", "\x00same"  # longer than any character
_STRIPS: dict[str, Callable[[str], str]] = {
    "ascii": strip_accents_ascii,
    "unicode": strip_accents_unicode,
}


def strip_accents(graph: Graph, text: str, how: str, *, lowercase: bool) -> str:
    """Lower texts and strip their accents like scikit-learn; shape ``[rows]``.

    Args:
        graph: Where to write.
        text: Name of the texts.
        how: ``ascii`` or ``unicode``.
        lowercase: Whether to lower them first.
    """
    return _replace(graph, text, _table(how, lowercase=lowercase), keep=how != "ascii")


def lower_dotted(graph: Graph, text: str) -> str:
    """Lower the dotted capital I, which becomes two characters: an i and a combining mark."""
    return _replace(graph, text, {_DOTTED: _DOTTED.lower()}, keep=True)


def _replace(graph: Graph, text: str, table: dict[str, str], *, keep: bool) -> str:
    """Replace the characters in the table; keep or drop the others."""
    characters = _close(graph, split_characters(graph, text, _NONE))
    found = graph.op(
        "LabelEncoder",
        characters,
        domain="ai.onnx.ml",
        keys_strings=[_NONE, *table],
        values_strings=["", *table.values()],
        default_string=_SAME if keep else "",
    )
    if keep:
        same = graph.op("Equal", found, np.array([[_SAME]], dtype=object))
        found = graph.op("Where", same, characters, found)
    return _join(graph, found)


def split_characters(graph: Graph, text: str, pad: str) -> str:
    """Split texts into characters, shape ``[rows, longest]``."""
    return graph.op(
        "Tokenizer",
        text,
        domain="com.microsoft",
        pad_value=pad,
        mark=0,
        mincharnum=1,
        tokenexp="(?s:.)",
    )


@cache
def capitals() -> dict[str, str]:
    """Return the characters that Python lowers to one other character, with that character."""
    lowered = {raw: raw.lower() for raw in _alterable()}
    return {raw: low for raw, low in lowered.items() if low != raw and len(low) == 1}


@cache
def _table(how: str, *, lowercase: bool) -> dict[str, str]:
    """Return the replacements; for ``ascii`` of all characters that are not dropped."""
    strip = _STRIPS[how]
    table = {}
    for character in _alterable():
        changed = strip(character.lower() if lowercase else character)
        if changed if how == "ascii" else changed != character:
            table[character] = changed
    return table


@cache
def _alterable() -> list[str]:
    """Return ASCII, and all capitals, combining marks and composed characters."""
    return [
        character
        for character in map(chr, range(_LAST_COMPOSED + 1))
        if character.isascii()
        or not unicodedata.is_normalized("NFKD", character)
        or unicodedata.combining(character)
        or character.lower() != character
    ]


def _close(graph: Graph, pieces: str) -> str:
    # Empty texts have no columns, but later steps need at least one.
    return graph.op("Concat", pieces, _column(graph, pieces, _NONE), axis=1)


def _column(graph: Graph, like: str, value: str) -> str:
    rows = graph.op("Shape", like, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([1]), axis=0)
    return graph.op("Expand", np.array([[value]], dtype=object), shape)


def _join(graph: Graph, pieces: str) -> str:
    blank = _column(graph, pieces, "")
    for _ in range(_ROUNDS):
        even = _every_second(graph, pieces, 0)
        odd = _every_second(graph, graph.op("Concat", pieces, blank, axis=1), 1)
        pieces = graph.op("StringConcat", even, odd)
    return graph.op("Reshape", pieces, np.array([-1]))


def _every_second(graph: Graph, pieces: str, start: int) -> str:
    bounds: list[Any] = [[start], [np.iinfo(np.int64).max], [1], [2]]
    return graph.op("Slice", pieces, *(np.array(bound) for bound in bounds))
