"""Histogram gradient boosting, with its own treatment of categories and missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.trees.boosting import Stages
from exporter.conversion.trees.categories import CategorySplits, flag_splits, read_inputs
from exporter.conversion.trees.sources import trace
from exporter.conversion.trees.structure import Trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.structure import Array

_BITS = 256


@predicts(HistGradientBoostingClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    return _read_stages(graph, model, columns).classify(graph, model)


@predicts(HistGradientBoostingRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor, whose link may be logarithmic."""
    raw = _read_stages(graph, model, columns).add(graph)
    if type(model._loss.link).__name__ == "LogLink":  # noqa: SLF001 - as its own predict does
        raw = graph.op("Exp", raw)
    return Answer(value=graph.to_real(raw))


def _read_stages(graph: Graph, model: Any, given: Sequence[Column]) -> Stages:
    stages = model._predictors  # noqa: SLF001 - the trees are not public
    predictors = [each for stage in stages for each in stage]
    inputs = read_inputs(graph, given, np.float64)
    order = _original_columns(model)
    nodes = np.concatenate([each.nodes for each in predictors])
    places = inputs.places[order[nodes["feature_idx"]]]
    source = inputs.numbers
    thresholds = nodes["num_threshold"].astype(np.float64)
    traced = trace(graph, [column for column in given if column.element != "string"])
    if traced is not None:
        own = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
        thresholds[own] = traced.move(places[own], thresholds[own], np.float64)
        source = graph.matrix(traced.columns)
    splits = _category_splits(model, predictors)
    if splits:
        flagged, name = flag_splits(graph, inputs, splits, np.float64)
        places[flagged] = int(inputs.places.max() + 1) + np.arange(len(flagged))
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
    return Stages(source, trees, nodes["value"][leaf], start)


def _original_columns(model: Any) -> Array:
    # The model's preprocessor moves the categorical columns to the front.
    if model.is_categorical_ is None:
        return np.arange(model.n_features_in_)
    known = model.is_categorical_
    return np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)])


def _category_splits(model: Any, predictors: list[Any]) -> list[CategorySplits]:
    """Return the splits by category; unknown categories take the branch of missing values."""
    if model.is_categorical_ is None:
        return []
    nodes = np.concatenate([each.nodes for each in predictors])
    split = nodes["is_categorical"].astype(bool) & ~nodes["is_leaf"].astype(bool)
    owners = np.repeat(np.arange(len(predictors)), [len(each.nodes) for each in predictors])
    encoder = model._preprocessor.named_transformers_["encoder"]  # noqa: SLF001 - likewise
    splits = []
    for feature, categories in enumerate(encoder.categories_):
        own = np.flatnonzero(split & (nodes["feature_idx"] == feature))
        if not len(own):
            continue
        bitsets = [
            _bits(predictors[owners[node]].raw_left_cat_bitsets[nodes["bitset_idx"][node]])
            for node in own
        ]
        present = np.array([not _is_missing(value) for value in categories])
        left = np.array(bitsets)[:, : len(categories)][:, present].T
        left = np.vstack([left, nodes["missing_go_to_left"][own].astype(bool)])
        column = int(np.flatnonzero(model.is_categorical_)[feature])
        splits.append(CategorySplits(column, own, np.asarray(categories)[present], left))
    return splits


def _bits(words: Array) -> Array:
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little")[:_BITS] > 0


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN alone differs
