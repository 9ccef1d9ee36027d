"""Characters of texts, lowered like Python, with white space like scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.texts.characters import capitals, split_characters
from exporter.conversion.texts.patterns import SPACES
from exporter.conversion.texts.pieces import (
    PAD,
    REMOVED,
    UNKNOWN,
    close,
    compact,
    interleave,
    number,
    shift,
)

if TYPE_CHECKING:
    from exporter.conversion.graph.builder import Graph

SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
_FINAL_SIGMA = "\N{GREEK SMALL LETTER FINAL SIGMA}"
_CAPITAL_SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"
_DOTTED = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"


def split_letters(
    graph: Graph, vectorizer: Any, text: tuple[str, bool], terms: list[str]
) -> tuple[str, dict[str, int]]:
    """Map characters to numbers for the analyzers ``char`` and ``char_wb``.

    Args:
        graph: Where to write.
        vectorizer: The vectorizer, with its analyzer.
        text: Name of the texts, and whether to lower them.
        terms: The vocabulary.

    Returns:
        Name of the numbers, shape ``[rows, longest]``, and the number of each character.
    """
    name, lowercase = text
    alphabet = sorted({c for term in terms for c in term} | set(SPACES))
    numbers = {c: number for number, c in enumerate(alphabet, 1)}
    dotted, capital = len(alphabet) + 1, len(alphabet) + 2
    coded = {**numbers, PAD: REMOVED}
    if lowercase:
        coded |= {raw: numbers[c] for raw, c in capitals().items() if c in numbers}
        coded |= {_DOTTED: dotted, _CAPITAL_SIGMA: capital}
    pieces = close(graph, number(graph, split_characters(graph, name, PAD), coded))
    if lowercase and _FINAL_SIGMA in numbers:
        letters = [False, *(c.isalpha() for c in alphabet), True, True, False]
        pieces = _end_words(graph, pieces, graph.op("Gather", np.array(letters), pieces), numbers)
    # The last entry is for removed pieces, the two before it for capitals that depend on context.
    white = [False, *(c in SPACES for c in alphabet), False, False, False]
    is_space = graph.op("Gather", np.array(white), pieces)
    # Python lowers a dotted capital I to an i and a combining mark.
    marks: Any = np.array([[REMOVED]])
    firsts = pieces
    if lowercase:
        first, mark = (np.array(numbers.get(c, UNKNOWN)) for c in _DOTTED.lower())
        found = graph.op("Equal", pieces, np.array(dotted))
        firsts = graph.op("Where", found, first, pieces)
        marks = graph.op("Where", found, mark, np.array(REMOVED))
    space = np.array(numbers[" "])
    if vectorizer.analyzer == "char_wb":
        return compact(graph, _pad_words(graph, (firsts, marks), is_space, space)), numbers
    # A run of white space counts as one space; a single tab or line feed is kept.
    before, after = shift(graph, is_space, 1), shift(graph, is_space, -1)
    in_run = graph.op("And", is_space, graph.op("Or", before, after))
    firsts = graph.op("Where", in_run, space, firsts)
    firsts = graph.op("Where", graph.op("And", is_space, before), np.array(REMOVED), firsts)
    pieces = interleave(graph, [firsts, marks]) if isinstance(marks, str) else firsts
    return compact(graph, pieces), numbers


def _end_words(graph: Graph, pieces: str, is_letter: str, numbers: dict[str, int]) -> str:
    """Use the final form of a lowered sigma at the end of a word, like Python."""
    after = graph.op("Not", shift(graph, is_letter, -1))
    is_final = graph.op("And", shift(graph, is_letter, 1), after)
    plain, final = (np.array(numbers.get(c, UNKNOWN)) for c in (SIGMA, _FINAL_SIGMA))
    is_capital = graph.op("Equal", pieces, np.array(max(numbers.values()) + 2))
    lowered = graph.op("Where", is_final, final, plain)
    return graph.op("Where", is_capital, lowered, pieces)


def _pad_words(graph: Graph, letters: tuple[str, Any], is_space: str, space: Any) -> str:
    # Each word gets a space at both ends, so two spaces separate words. No term contains two spaces
    # in a row, so no term spans two words.
    margin = np.array([0, 1, 0, 0])
    pieces = graph.op("Pad", letters[0], margin, np.array(REMOVED))
    marks = letters[1]
    if isinstance(marks, str):
        marks = graph.op("Pad", marks, margin, np.array(REMOVED))
    is_space = graph.op("Cast", graph.op("Pad", graph.op("Cast", is_space, to=7), margin), to=9)
    present = graph.op("GreaterOrEqual", pieces, np.array(0))
    is_word = graph.op("And", present, graph.op("Not", is_space))
    closing = graph.op("Where", shift(graph, is_word, 1), space, np.array(REMOVED))
    opening = graph.op("Where", shift(graph, is_word, -1), space, np.array(REMOVED))
    slots = [
        graph.op("Where", is_word, pieces, closing),
        graph.op("Where", is_word, marks, opening),
    ]
    return interleave(graph, slots)
