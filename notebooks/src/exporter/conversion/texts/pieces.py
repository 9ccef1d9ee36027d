"""Pieces of texts (words or characters) as numbers; some pieces are removed."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.conversion.graph.builder import Graph

PAD = "\x00 "  # longer than any character, and no word, for words have no blank
UNKNOWN, REMOVED = 0, -1
_ML = "ai.onnx.ml"
_FAR = 1 << 40


def number(graph: Graph, pieces: str, numbers: dict[str, int]) -> str:
    """Map each piece to its number, and others to ``UNKNOWN``."""
    return graph.op(
        "LabelEncoder",
        pieces,
        domain=_ML,
        keys_strings=list(numbers),
        values_int64s=list(numbers.values()),
        default_int64=UNKNOWN,
    )


def close(graph: Graph, pieces: str) -> str:
    """Append a removed piece, because later steps need at least one column."""
    rows = graph.op("Shape", pieces, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([1]), axis=0)
    end = graph.op("Expand", np.array([[REMOVED]]), shape)
    return graph.op("Concat", pieces, end, axis=1)


def compact(graph: Graph, pieces: str) -> str:
    """Move removed pieces to the end; the others keep their order."""
    count = graph.op("Shape", pieces, start=1, end=2)
    positions = graph.op("Range", np.array(0), graph.op("Squeeze", count), np.array(1))
    removed = graph.op("Equal", pieces, np.array(REMOVED))
    late = graph.op("Where", removed, np.array(_FAR), np.array(0))
    _, order = graph.ops("TopK", graph.op("Add", late, positions), count, count=2, largest=0)
    return graph.op("GatherElements", pieces, order, axis=1)


def shift(graph: Graph, flags: str, by: int) -> str:
    """Shift flags to the right by some positions, or to the left if ``by`` is negative."""
    numbers = graph.op("Cast", flags, to=7)
    pads = [0, by, 0, 0] if by > 0 else [0, 0, 0, -by]
    padded = graph.op("Pad", numbers, np.array(pads))
    starts, ends = ([0], [-by]) if by > 0 else ([-by], [np.iinfo(np.int64).max])
    moved = graph.op("Slice", padded, np.array(starts), np.array(ends), np.array([1]))
    return graph.op("Cast", moved, to=9)


def interleave(graph: Graph, pair: list[str]) -> str:
    """Merge two tensors of pieces, alternating between them."""
    wide = [graph.op("Unsqueeze", pieces, np.array([2])) for pieces in pair]
    return graph.op("Reshape", graph.op("Concat", *wide, axis=2), np.array([0, -1]))


def count_runs(graph: Graph, pieces: str, coded: Iterable[tuple[list[int], int]]) -> str:
    """Count how often each run of numbers occurs; each run has its own column.

    Args:
        graph: The graph.
        pieces: Name of the numbers, ``[rows, longest]``.
        coded: The runs, and the column of each.
    """
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
        ngram_indexes=[index for _, index in ordered],
        pool_int64s=pool,
        weights=[1.0] * len(ordered),
    )
