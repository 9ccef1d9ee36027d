"""Texts to counts of words or characters.

Tokens become numbers first, so that stop words can be taken out before n-grams are counted.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)

from exporter.conversion.composition.graph import Column
from exporter.conversion.composition.registry import transforms
from exporter.conversion.numbers.scaling import normalize
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.conversion.composition.graph import Graph

_ML = "ai.onnx.ml"
_SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
_PAD = "\x00"
_UNKNOWN, _REMOVED = 0, -1
_FAR = 1 << 40
_WORD = r"[\pL\pN_]"  # what Python's \w means; RE2's is ASCII
_SIMPLE_PATTERN = re.compile(r"(?:\(\?u\))?\\b((?:\\w)+)(\+|\{\d+,\d*\})?\\b")
_PLAIN_PATTERN = re.compile(
    r"(?:\(\?u\))?((?:\[[^\\\]\[^]+\]|[A-Za-z0-9]|[+*?]|\{\d+(?:,\d*)?\})+)"
)
_SPACES = ["\t", "\n", "\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0"]
_SPACES += [
    chr(c) for c in [0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
]
# Whole runs, at whose ends a boundary would say nothing.
_WHOLE = {
    mark + pattern: f"{piece}+"
    for patterns, piece in (
        ((r"\w+", r"[\w]+"), _WORD),
        ((r"\S+", r"[^\s]+"), "[^" + "".join(_SPACES) + "]"),
    )
    for pattern in patterns
    for mark in ("", "(?u)")
}


@transforms(CountVectorizer)
def transform_counts(
    graph: Graph, vectorizer: CountVectorizer, columns: Sequence[Column]
) -> list[Column]:
    """Count the terms of the vocabulary."""
    counts = _count(graph, vectorizer, columns)
    return [Column(counts, "real", len(vectorizer.vocabulary_))]


@transforms(TfidfVectorizer)
def transform_tfidf_texts(
    graph: Graph, vectorizer: TfidfVectorizer, columns: Sequence[Column]
) -> list[Column]:
    """Count and weigh the terms of the vocabulary."""
    counts = _count(graph, vectorizer, columns)
    weighed = _weigh(graph, vectorizer._tfidf, counts)  # noqa: SLF001 - has the weights
    return [Column(weighed, "real", len(vectorizer.vocabulary_))]


@transforms(TfidfTransformer)
def transform_tfidf(
    graph: Graph, transformer: TfidfTransformer, columns: Sequence[Column]
) -> list[Column]:
    """Weigh counts."""
    width = sum(column.width for column in columns)
    return [Column(_weigh(graph, transformer, graph.matrix(columns)), "real", width)]


@transforms(HashingVectorizer)
def refuse_hashes(
    _graph: Graph, _vectorizer: HashingVectorizer, _columns: Sequence[Column]
) -> list[Column]:
    """Refuse, as a million columns would have to be filled for every row."""
    raise ConversionError(
        "HashingVectorizer has no vocabulary that a file could hold: use TfidfVectorizer or "
        "CountVectorizer, with max_features to bound their size"
    )


def _weigh(graph: Graph, transformer: TfidfTransformer, counts: str) -> str:
    if transformer.sublinear_tf:
        none = graph.op("Equal", counts, 0.0)
        logs = graph.op("Add", graph.op("Log", graph.op("Where", none, 1.0, counts)), 1.0)
        counts = graph.op("Where", none, 0.0, logs)
    if transformer.use_idf:
        counts = graph.op("Mul", counts, np.asarray(transformer.idf_, dtype=np.float64)[None, :])
    return counts if transformer.norm is None else normalize(graph, counts, transformer.norm)


def _count(graph: Graph, vectorizer: Any, columns: Sequence[Column]) -> str:
    _check(vectorizer, columns)
    terms = sorted(vectorizer.vocabulary_.items(), key=lambda item: item[1])
    text = graph.op("Reshape", columns[0].name, np.array([-1]))
    if vectorizer.analyzer == "word":
        pieces, numbers, split = _split_words(graph, vectorizer, text, [t for t, _ in terms])
    else:
        text = _lower(graph, text) if vectorizer.lowercase else text
        pieces, numbers = _split_characters(graph, vectorizer, text, [t for t, _ in terms])
        split = list
    coded = [([numbers[part] for part in split(term)], int(place)) for term, place in terms]
    counts = graph.to_real(_count_runs(graph, pieces, coded))
    if vectorizer.binary:
        counts = graph.to_real(graph.op("Greater", counts, 0.0))
    return counts


def _check(vectorizer: Any, columns: Sequence[Column]) -> None:
    name = type(vectorizer).__name__
    if len(columns) != 1 or columns[0].element != "string" or columns[0].width != 1:
        raise ConversionError(f"{name} takes one column of texts")
    for option in ("preprocessor", "tokenizer", "strip_accents"):
        if getattr(vectorizer, option) is not None:
            raise ConversionError(
                f"{name}({option}={getattr(vectorizer, option)!r}) cannot be written as ONNX: "
                f"leave {option} out, or do that to the texts before fit() and publish()"
            )
    if callable(vectorizer.analyzer):
        raise ConversionError(
            f"{name} has an analyzer of its own, which ONNX does not know: use analyzer='word'"
        )


def _split_words(
    graph: Graph, vectorizer: Any, text: str, terms: list[str]
) -> tuple[str, dict[str, int], Any]:
    words = _find_words(graph, vectorizer, text)
    parts = {word for term in terms for word in term.split(" ")}
    find = vectorizer.build_tokenizer()
    if any(find(part) != [part] for part in parts):
        raise ConversionError(
            f"tokens of the pattern {vectorizer.token_pattern!r} cannot be told from n-grams: "
            "use a pattern without spaces"
        )
    numbers = {word: number for number, word in enumerate(sorted(parts), 1)}
    stops = vectorizer.get_stop_words() or ()
    coded = {**numbers, **dict.fromkeys(stops, _REMOVED), _PAD: _REMOVED}
    # Python gives a sigma its final form at a word's end when it lowers a text, onnxruntime never.
    coded = {w[:-1] + _SIGMA: n for w, n in coded.items() if w.endswith("ς")} | coded
    pieces = _close(graph, _number(graph, words, coded))
    return (_compact(graph, pieces) if stops else pieces), numbers, lambda t: t.split(" ")


def _find_words(graph: Graph, vectorizer: Any, text: str) -> str:
    pattern = _translate(vectorizer.token_pattern)
    if not vectorizer.lowercase:
        return _tokenize(graph, text, pattern)
    if not pattern.startswith(_WORD):
        return _tokenize(graph, _lower(graph, text), pattern)
    # To Python a lowered dotted capital I is an i and a mark, which ends the word.
    least = pattern.count(_WORD) if pattern.endswith("+") else int(pattern[len(_WORD) + 1 : -2])
    plain = r"(?:[^\PL\x{130}]|[\pN_])"
    dotted = rf"{plain}{{{least - 1},}}\x{{130}}|{plain}{{{least},}}"
    words = _tokenize(graph, text, dotted)
    rows = graph.op("Shape", words, start=0, end=1)
    end = graph.op("Expand", np.array([[_PAD]]), graph.op("Concat", rows, np.array([1]), axis=0))
    words = graph.op("Concat", words, end, axis=1)
    lowered = _lower(graph, graph.op("Reshape", words, np.array([-1])))
    return graph.op("Reshape", lowered, graph.op("Shape", words))


def _lower(graph: Graph, text: str) -> str:
    return graph.op("StringNormalizer", text, case_change_action="LOWER", is_case_sensitive=1)


def _split_characters(
    graph: Graph, vectorizer: Any, text: str, terms: list[str]
) -> tuple[str, dict[str, int]]:
    characters = _tokenize(graph, text, "(?s:.)")
    alphabet = sorted({c for term in terms for c in term} | set(_SPACES))
    numbers = {c: number for number, c in enumerate(alphabet, 1)}
    pieces = _close(graph, _number(graph, characters, {**numbers, _PAD: _REMOVED}))
    white = [False, *(c in _SPACES for c in alphabet), False]  # the last one is of removed pieces
    is_space = graph.op("Gather", np.array(white), pieces)
    space = np.array(numbers[" "])
    if vectorizer.analyzer == "char_wb":
        return _compact(graph, _pad_words(graph, pieces, is_space, space)), numbers
    # A run of white space counts as one space; a single tab or line feed stays what it is.
    before, after = _shift(graph, is_space, 1), _shift(graph, is_space, -1)
    in_run = graph.op("And", is_space, graph.op("Or", before, after))
    pieces = graph.op("Where", in_run, space, pieces)
    pieces = graph.op("Where", graph.op("And", is_space, before), np.array(_REMOVED), pieces)
    return _compact(graph, pieces), numbers


def _pad_words(graph: Graph, pieces: str, is_space: str, space: Any) -> str:
    # Each word gets a space of its own at both ends. So there are two between words, and as no term
    # has two spaces in a row, none reaches from one word to the next.
    margin = np.array([0, 1, 0, 0])
    pieces = graph.op("Pad", pieces, margin, np.array(_REMOVED))
    is_space = graph.op("Cast", graph.op("Pad", graph.op("Cast", is_space, to=7), margin), to=9)
    present = graph.op("GreaterOrEqual", pieces, np.array(0))
    is_word = graph.op("And", present, graph.op("Not", is_space))
    closing = graph.op("Where", _shift(graph, is_word, 1), space, np.array(_REMOVED))
    opening = graph.op("Where", _shift(graph, is_word, -1), space, np.array(_REMOVED))
    slots = [
        graph.op("Where", is_word, pieces, closing),
        graph.op("Where", is_word, np.array(_REMOVED), opening),
    ]
    pair = [graph.op("Unsqueeze", slot, np.array([2])) for slot in slots]
    return graph.op("Reshape", graph.op("Concat", *pair, axis=2), np.array([0, -1]))


def _tokenize(graph: Graph, text: str, pattern: str) -> str:
    return graph.op(
        "Tokenizer",
        text,
        domain="com.microsoft",
        pad_value=_PAD,
        mark=0,
        mincharnum=1,
        tokenexp=pattern,
    )


def _number(graph: Graph, pieces: str, numbers: dict[str, int]) -> str:
    return graph.op(
        "LabelEncoder",
        pieces,
        domain=_ML,
        keys_strings=list(numbers),
        values_int64s=list(numbers.values()),
        default_int64=_UNKNOWN,
    )


def _close(graph: Graph, pieces: str) -> str:
    # Texts without any token have no columns, which later steps do not take.
    rows = graph.op("Shape", pieces, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([1]), axis=0)
    end = graph.op("Expand", np.array([[_REMOVED]]), shape)
    return graph.op("Concat", pieces, end, axis=1)


def _compact(graph: Graph, pieces: str) -> str:
    # Removed pieces go to the end, the others keep their order.
    count = graph.op("Shape", pieces, start=1, end=2)
    places = graph.op("Range", np.array(0), graph.op("Squeeze", count), np.array(1))
    removed = graph.op("Equal", pieces, np.array(_REMOVED))
    late = graph.op("Where", removed, np.array(_FAR), np.array(0))
    _, order = graph.ops("TopK", graph.op("Add", late, places), count, count=2, largest=0)
    return graph.op("GatherElements", pieces, order, axis=1)


def _shift(graph: Graph, flags: str, by: int) -> str:
    # Positive: each place learns what stands before it.
    numbers = graph.op("Cast", flags, to=7)
    pads = [0, by, 0, 0] if by > 0 else [0, 0, 0, -by]
    padded = graph.op("Pad", numbers, np.array(pads))
    starts, ends = ([0], [-by]) if by > 0 else ([-by], [np.iinfo(np.int64).max])
    moved = graph.op("Slice", padded, np.array(starts), np.array(ends), np.array([1]))
    return graph.op("Cast", moved, to=9)


def _count_runs(graph: Graph, pieces: str, coded: Iterable[tuple[list[int], int]]) -> str:
    ordered = sorted(coded, key=lambda run: len(run[0]))
    by_length = {n: list(group) for n, group in groupby(ordered, key=lambda run: len(run[0]))}
    longest = max(by_length)
    pool: list[int] = []
    starts = []
    for length in range(1, longest + 1):
        starts.append(len(pool))
        for run, _ in by_length.get(length, []):
            pool += run
    return graph.op(
        "TfIdfVectorizer",
        pieces,
        min_gram_length=1,
        max_gram_length=longest,
        max_skip_count=0,
        mode="TF",
        ngram_counts=starts,
        ngram_indexes=[place for _, place in ordered],
        pool_int64s=pool,
        weights=[1.0] * len(ordered),
    )


def _translate(pattern: str | None) -> str:
    if pattern in _WHOLE:
        return _WHOLE[pattern]
    simple = _SIMPLE_PATTERN.fullmatch(pattern or "")
    if simple:
        head, tail = simple[1].count("w"), simple[2]
        if tail == "+":
            return _WORD * head + "+"
        if tail and head == 1:
            low, high = tail[1:-1].split(",")
            if not high:
                return _WORD + f"{{{low},}}"
    plain = _PLAIN_PATTERN.fullmatch(pattern or "")
    if plain:
        return plain[1]
    raise ConversionError(
        f"the token_pattern {pattern!r} cannot be written as ONNX: use the default, or one like "
        r"r'(?u)\b\w+\b' or '[a-z]+'"
    )
