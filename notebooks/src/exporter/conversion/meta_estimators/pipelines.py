"""Pipelines and other estimators that only pass columns on to those they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RANSACRegressor
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import (
    predict,
    predicts,
    transform,
    transforms,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.answer import Answer
    from exporter.conversion.graph.builder import Graph

_SELECTORS = (
    GenericUnivariateSelect,
    RFE,
    RFECV,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)


@transforms(Pipeline)
def transform_pipeline(graph: Graph, pipeline: Pipeline, columns: Sequence[Column]) -> list[Column]:
    """Write one step after the other."""
    return _through(graph, pipeline.steps, columns)


@predicts(Pipeline)
def predict_pipeline(graph: Graph, pipeline: Pipeline, columns: Sequence[Column]) -> Answer:
    """Write the steps, and what the last one predicts."""
    *steps, (name, last) = pipeline.steps
    passed = _through(graph, steps, columns)
    with within(f"step {name!r}"):
        return predict(graph, last, passed)


@transforms(ColumnTransformer)
def transform_columns(
    graph: Graph, estimator: ColumnTransformer, columns: Sequence[Column]
) -> list[Column]:
    """Write each transformer for its columns, which the fitted estimator knows by their place."""
    places = estimator._transformer_to_input_indices  # noqa: SLF001 - also for names and masks
    found: list[Column] = []
    for name, transformer, _ in estimator.transformers_:
        indices = [int(i) for i in places[name]]
        if _is(transformer, "drop") or not indices:
            continue
        with within(f"transformer {name!r}"):
            parts = _apply(graph, transformer, graph.pick(columns, indices))
        found += _weigh(graph, parts, (estimator.transformer_weights or {}).get(name))
    return found


@transforms(FeatureUnion)
def transform_union(graph: Graph, union: FeatureUnion, columns: Sequence[Column]) -> list[Column]:
    """Write each transformer for all columns."""
    found: list[Column] = []
    for name, transformer in union.transformer_list:
        if not _is(transformer, "drop"):
            with within(f"transformer {name!r}"):
                parts = _apply(graph, transformer, columns)
            found += _weigh(graph, parts, (union.transformer_weights or {}).get(name))
    return found


@transforms(*_SELECTORS)
def transform_selector(graph: Graph, selector: Any, columns: Sequence[Column]) -> list[Column]:
    """Keep the chosen columns."""
    return graph.pick(columns, np.flatnonzero(selector.get_support()).tolist())


@predicts(RFE, RFECV)
def predict_selected(graph: Graph, selector: Any, columns: Sequence[Column]) -> Answer:
    """Ask the estimator that was fitted on the chosen columns."""
    return predict(graph, selector.estimator_, transform_selector(graph, selector, columns))


@predicts(BaseSearchCV)
def predict_best(graph: Graph, search: Any, columns: Sequence[Column]) -> Answer:
    """Ask the best estimator."""
    return predict(graph, search.best_estimator_, columns)


@transforms(BaseSearchCV)
def transform_best(graph: Graph, search: Any, columns: Sequence[Column]) -> list[Column]:
    """Transform by the best estimator."""
    return transform(graph, search.best_estimator_, columns)


@predicts(FrozenEstimator)
def predict_frozen(graph: Graph, frozen: Any, columns: Sequence[Column]) -> Answer:
    """Ask the frozen estimator."""
    return predict(graph, frozen.estimator, columns)


@transforms(FrozenEstimator)
def transform_frozen(graph: Graph, frozen: Any, columns: Sequence[Column]) -> list[Column]:
    """Transform by the frozen estimator."""
    return transform(graph, frozen.estimator, columns)


@predicts(RANSACRegressor, SelfTrainingClassifier)
def predict_inner(graph: Graph, wrapper: Any, columns: Sequence[Column]) -> Answer:
    """Ask the one estimator that the wrapper has fitted."""
    return predict(graph, wrapper.estimator_, columns)


def _through(
    graph: Graph, steps: Sequence[tuple[str, Any]], columns: Sequence[Column]
) -> list[Column]:
    passed = list(columns)
    for name, step in steps:
        if hasattr(step, "fit_resample"):
            continue  # a sampler of imbalanced-learn, which only fit() asks
        with within(f"step {name!r}"):
            passed = _apply(graph, step, passed)
    return passed


def _apply(graph: Graph, transformer: Any, columns: Sequence[Column]) -> list[Column]:
    if transformer is None or _is(transformer, "passthrough"):
        return list(columns)
    return transform(graph, transformer, columns)


def _is(transformer: Any, word: str) -> bool:
    return isinstance(transformer, str) and transformer == word


def _weigh(graph: Graph, columns: list[Column], weight: float | None) -> list[Column]:
    if weight is None:
        return columns
    product = graph.op("Mul", graph.matrix(columns), float(weight))
    return [Column(product, "real", sum(column.width for column in columns))]
