"""Histogram gradient boosting, with its own treatment of categories and missing values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.trees.boosting import add_stages
from exporter.conversion.trees.link import answer_scores
from exporter.conversion.trees.sources import trace
from exporter.conversion.trees.structure import Trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.graph.origins import Traced
    from exporter.conversion.trees.structure import Array

_BITS = 256


@predicts(HistGradientBoostingClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    return answer_scores(graph, _add_leaves(graph, model, columns), len(model.classes_))


@predicts(HistGradientBoostingRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor, whose link may be logarithmic."""
    raw = _add_leaves(graph, model, columns)
    if type(model._loss.link).__name__ == "LogLink":  # noqa: SLF001 - as its own predict does
        raw = graph.op("Exp", raw)
    return Answer(value=graph.to_real(raw))


@dataclass(frozen=True)
class _Inputs:
    """The input's columns.

    Attributes:
        numbers: Name of the double tensor of all columns but texts; empty where all are.
        places: The place in it of each column; negative for texts.
        texts: Name of each column of text, ``[rows, 1]``.
        traced: What stands for the numbers, where they were computed from others.
    """

    numbers: str
    places: Array
    texts: dict[int, str]
    traced: Traced | None


def _add_leaves(graph: Graph, model: Any, given: Sequence[Column]) -> str:
    stages = model._predictors  # noqa: SLF001 - public are only its answers
    predictors = [each for stage in stages for each in stage]
    columns = _read_columns(graph, given)
    order = _original_columns(model)
    nodes = np.concatenate([each.nodes for each in predictors])
    places = columns.places[order[nodes["feature_idx"]]]
    source = columns.numbers
    thresholds = nodes["num_threshold"].astype(np.float64)
    if columns.traced is not None:
        own = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
        thresholds[own] = columns.traced.move(places[own], thresholds[own], np.float64)
        source = graph.matrix(columns.traced.columns)
    flags = _flag_categories(graph, model, predictors, columns)
    if flags is not None:
        flagged, name = flags
        first = int(columns.places.max() + 1)
        places[flagged] = first + np.arange(len(flagged))
        thresholds[flagged] = 0.5
        source = graph.concat([source, name]) if source else name
    leaf = nodes["is_leaf"].astype(bool)
    trees = Trees(
        sizes=np.array([len(each.nodes) for each in predictors]),
        features=places,
        thresholds=thresholds,
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"].astype(bool),
    )
    start = np.ravel(model._baseline_prediction)  # noqa: SLF001 - likewise
    return add_stages(graph, source, trees, nodes["value"][leaf], start)


def _read_columns(graph: Graph, given: Sequence[Column]) -> _Inputs:
    numbers = [column for column in given if column.element != "string"]
    places: list[int] = []
    texts: dict[int, str] = {}
    found = 0
    for column in given:
        for inner in range(column.width):
            if column.element == "string":
                whole = column.width == 1
                texts[len(places)] = column.name if whole else graph.gather(column.name, [inner])
                places.append(-1)
            else:
                places.append(found)
                found += 1
    name = graph.cast(graph.matrix(numbers), np.float64) if numbers else ""
    return _Inputs(name, np.array(places), texts, trace(graph, numbers))


def _original_columns(model: Any) -> Array:
    # Its own preprocessor puts the categories first.
    if model.is_categorical_ is None:
        return np.arange(model.n_features_in_)
    known = model.is_categorical_
    return np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)])


def _flag_categories(
    graph: Graph, model: Any, predictors: list[Any], columns: _Inputs
) -> tuple[Array, str] | None:
    """Say for each split by category whether a row goes right, as columns of 0 and 1.

    An ensemble of trees compares numbers only. A category that a split does not know goes where its
    missing values go.

    Returns:
        The nodes of these splits, and the name of their columns; ``None`` without any.
    """
    if model.is_categorical_ is None:
        return None
    nodes = np.concatenate([each.nodes for each in predictors])
    split = nodes["is_categorical"].astype(bool) & ~nodes["is_leaf"].astype(bool)
    if not split.any():
        return None
    owners = np.repeat(np.arange(len(predictors)), [len(each.nodes) for each in predictors])
    places = np.flatnonzero(split)
    goes_left = np.array(
        [
            _bits(predictors[owners[place]].raw_left_cat_bitsets[nodes["bitset_idx"][place]])
            for place in places
        ]
    )
    encoder = model._preprocessor.named_transformers_["encoder"]  # noqa: SLF001 - likewise
    ordered, names = [], []
    for feature, known in enumerate(encoder.categories_):
        own = places[nodes["feature_idx"][places] == feature]
        if not len(own):
            continue
        column = int(np.flatnonzero(model.is_categorical_)[feature])
        present = np.array([not _is_missing(value) for value in known])
        # One row for each category, and a last one for all else.
        left = goes_left[np.searchsorted(places, own)][:, : len(known)][:, present].T
        left = np.vstack([left, nodes["missing_go_to_left"][own].astype(bool)])
        code = _find_category(graph, columns, column, np.asarray(known)[present])
        names.append(graph.op("Gather", graph.exact(~left, np.float64), code, axis=0))
        ordered.append(own)
    return np.concatenate(ordered), graph.concat(names)


def _find_category(graph: Graph, columns: _Inputs, column: int, known: Array) -> str:
    if column in columns.texts:
        same = graph.op("Equal", columns.texts[column], known.astype(object).reshape(1, -1))
    else:
        given = graph.gather(columns.numbers, [int(columns.places[column])])
        same = graph.op("Equal", given, graph.exact(known.reshape(1, -1), np.float64))
    # ArgMax finds the first that is the same; where none is, what is appended here.
    ends = np.array([0, 0, 0, 1])
    padded = graph.op("Pad", graph.cast(same, np.float32), ends, graph.exact(0.5, np.float32))
    return graph.op("ArgMax", padded, axis=1, keepdims=0)


def _bits(words: Array) -> Array:
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little")[:_BITS] > 0


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN alone differs
