"""Counts of the words or characters of texts.

Tokens become numbers first, so that stop words can be removed before n-grams are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms
from exporter.conversion.numbers.scaling import normalize
from exporter.conversion.texts.characters import lower_dotted, strip_accents
from exporter.conversion.texts.letters import SIGMA, split_letters
from exporter.conversion.texts.patterns import before_lowering, translate
from exporter.conversion.texts.pieces import PAD, REMOVED, close, compact, count_runs, number
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph

_NEVER = 1 << 40  # numbers that no word or character has


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
    """Raise an error: the vectorizer would create a million columns for each row."""
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
    lowercase = vectorizer.lowercase or vectorizer.preprocessor is not None  # that is str.lower
    if vectorizer.strip_accents is not None and vectorizer.preprocessor is None:
        how = vectorizer.strip_accents
        text, lowercase = strip_accents(graph, text, how, lowercase=lowercase), False
    if vectorizer.analyzer == "word":
        pieces, numbers, split = _split_words(
            graph, vectorizer, (text, lowercase), [t for t, _ in terms]
        )
    else:
        pieces, numbers = split_letters(graph, vectorizer, (text, lowercase), [t for t, _ in terms])
        split = list
    runs = [([numbers[part] for part in split(term)], int(index)) for term, index in terms]
    coded = [
        (run if _is_counted(vectorizer, len(run), term) else [_NEVER + index], index)
        for (run, index), (term, _) in zip(runs, terms, strict=True)
    ]
    counts = graph.to_real(count_runs(graph, pieces, coded))
    if vectorizer.binary:
        counts = graph.to_real(graph.op("Greater", counts, 0.0))
    return counts


def _is_counted(vectorizer: Any, size: int, term: str) -> bool:
    """Return whether a term has as many words or characters as the vectorizer counts.

    Others come from a vocabulary that was given. Of words that are too short for ``char_wb``, it
    counts the whole word with a blank at each end.
    """
    low, high = vectorizer.ngram_range
    is_word = vectorizer.analyzer == "char_wb" and term[:1] == term[-1:] == " "
    return bool(size <= high and (size >= low or is_word))


def _check(vectorizer: Any, columns: Sequence[Column]) -> None:
    name = type(vectorizer).__name__
    if len(columns) != 1 or columns[0].element != "string" or columns[0].width != 1:
        raise ConversionError(f"{name} takes one column of texts")
    for option, known in (("preprocessor", str.lower), ("tokenizer", str.split)):
        if getattr(vectorizer, option) not in (None, known):
            raise ConversionError(
                f"{name} has a {option} of its own, which ONNX does not support: leave it out, use "
                f"{option}={known.__qualname__}, or do that to the texts before fit() and publish()"
            )
    if callable(vectorizer.strip_accents):
        raise ConversionError(
            f"{name} strips accents by a function of its own, which ONNX does not support: "
            "use strip_accents='unicode'"
        )
    if callable(vectorizer.analyzer):
        raise ConversionError(
            f"{name} has an analyzer of its own, which ONNX does not support: use analyzer='word'"
        )


def _split_words(
    graph: Graph, vectorizer: Any, text: tuple[str, bool], terms: list[str]
) -> tuple[str, dict[str, int], Any]:
    words = _find_words(graph, vectorizer, *text)
    parts = {word for term in terms for word in term.split(" ")}
    find = vectorizer.build_tokenizer()
    if any(find(part) != [part] for part in parts):
        raise ConversionError(
            f"tokens of the pattern {vectorizer.token_pattern!r} cannot be distinguished from "
            "n-grams: use a pattern without spaces"
        )
    numbers = {word: number for number, word in enumerate(sorted(parts), 1)}
    stops = vectorizer.get_stop_words() or ()
    coded = {**numbers, **dict.fromkeys(stops, REMOVED), PAD: REMOVED}
    # Python's lower() uses the final sigma at the end of a word; onnxruntime does not.
    coded = {w[:-1] + SIGMA: n for w, n in coded.items() if w.endswith("ς")} | coded
    pieces = close(graph, number(graph, words, coded))
    return (compact(graph, pieces) if stops else pieces), numbers, lambda t: t.split(" ")


def _find_words(graph: Graph, vectorizer: Any, text: str, lowercase: bool) -> str:  # noqa: FBT001
    by_blanks = vectorizer.tokenizer is str.split
    pattern = translate(r"\S+" if by_blanks else vectorizer.token_pattern)
    if not lowercase:
        return _tokenize(graph, text, pattern)
    earlier = before_lowering(pattern)
    if earlier is None:
        return _tokenize(graph, _lower(graph, lower_dotted(graph, text)), pattern)
    words = _tokenize(graph, text, earlier)
    rows = graph.op("Shape", words, start=0, end=1)
    end = graph.op("Expand", np.array([[PAD]]), graph.op("Concat", rows, np.array([1]), axis=0))
    words = graph.op("Concat", words, end, axis=1)
    lowered = _lower(graph, graph.op("Reshape", words, np.array([-1])))
    return graph.op("Reshape", lowered, graph.op("Shape", words))


def _lower(graph: Graph, text: str) -> str:
    return graph.op("StringNormalizer", text, case_change_action="LOWER", is_case_sensitive=1)


def _tokenize(graph: Graph, text: str, pattern: str) -> str:
    return graph.op(
        "Tokenizer",
        text,
        domain="com.microsoft",
        pad_value=PAD,
        mark=0,
        mincharnum=1,
        tokenexp=pattern,
    )
