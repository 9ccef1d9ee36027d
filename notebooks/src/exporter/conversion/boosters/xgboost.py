"""XGBoost: trees in float32, whose rows go left where a value is below the threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from xgboost import (
    XGBClassifier,
    XGBRanker,
    XGBRegressor,
    XGBRFClassifier,
    XGBRFRegressor,
)

from exporter.conversion.boosters.xgboost_dump import (
    LOG_LINK,
    LOGISTIC,
    Dump,
    category_splits,
    join_trees,
    read_dump,
)
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.trees.categories import flag_splits, read_inputs
from exporter.conversion.trees.ensemble import Weights, add_groups
from exporter.conversion.trees.link import answer_two, is_final, logistic, softmax_answer
from exporter.conversion.trees.sources import trace
from exporter.data.boosters import XGBoostClassifier, XGBoostRegressor
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.structure import Trees

_EPSILON = 1e-16  # what its logistic function adds
_LARGEST_EVEN = 1.5 * 2**-24  # the largest score whose float32 logistic function is 0.5
_IDENTITY = frozenset(
    {
        "binary:logitraw",
        "rank:map",
        "rank:ndcg",
        "rank:pairwise",
        "reg:absoluteerror",
        "reg:expectileerror",
        "reg:linear",
        "reg:pseudohubererror",
        "reg:quantileerror",
        "reg:squarederror",
        "reg:squaredlogerror",
    }
)


@predicts(XGBClassifier, XGBRFClassifier, XGBoostClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    found = read_dump(model)
    margins = _add_margins(graph, model, found, columns)
    if found.objective in ("multi:softprob", "multi:softmax"):
        return softmax_answer(graph, margins)
    if found.objective != "binary:logistic":
        raise ConversionError(
            f"a classifier of XGBoost with the objective {found.objective!r} cannot be written as "
            "ONNX: use 'binary:logistic' or 'multi:softprob'"
        )
    if is_final(graph, model) and np.isfinite(found.start).all():
        return answer_two(graph, margins, least=_LARGEST_EVEN)
    second = logistic(graph, margins, 1.0, np.float32, _EPSILON)
    above = graph.op("Greater", second, graph.exact(0.5, np.float32))
    index = graph.op("Reshape", graph.cast(above, np.int64), np.array([-1]))
    shares = graph.concat([graph.op("Sub", graph.exact(1, np.float32), second), second])
    return Answer(index, graph.to_real(shares), graph.to_real(margins))


@predicts(XGBRegressor, XGBRFRegressor, XGBRanker, XGBoostRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor or a ranker."""
    found = read_dump(model)
    margins = _add_margins(graph, model, found, columns)
    if found.objective in LOG_LINK:
        margins = graph.op("Exp", margins)
    elif found.objective in LOGISTIC:
        margins = logistic(graph, margins, 1.0, np.float32, _EPSILON)
    elif found.objective not in _IDENTITY:
        raise ConversionError(
            f"XGBoost's objective {found.objective!r} cannot be written as ONNX: "
            "use 'reg:squarederror' or another one that XGBoost documents for regression"
        )
    return Answer(value=graph.to_real(margins))


def read_trees(model: Any) -> Trees:
    """Read the trees of a model, as it compares them."""
    found = read_dump(model)
    return join_trees(found, len(found.start))[0]


def _add_margins(graph: Graph, model: Any, found: Dump, columns: Sequence[Column]) -> str:
    """Write the raw scores, float32 of shape ``[rows, outputs]``."""
    inputs = read_inputs(graph, columns, np.float32)
    source = inputs.numbers
    if found.linear is not None:
        weights, bias = found.linear[:-1], found.linear[-1] + found.start
        product = graph.op("MatMul", source, graph.exact(weights, np.float32))
        return graph.op("Add", product, graph.exact(bias.reshape(1, -1), np.float32))
    if model.missing is not None and model.missing == model.missing:
        source = _hide(graph, source, model.missing)
    if id(model) in graph.given.sparse:  # it takes what is not stored for missing
        source = _hide(graph, source, 0.0)
    outputs = len(found.start)
    trees, values, targets = join_trees(found, outputs)
    splits = category_splits(found, trees)
    own = ~trees.leaves
    places, thresholds = inputs.places[trees.features], trees.thresholds.copy()
    if splits:
        flagged, name = flag_splits(graph, inputs, splits, np.float32)
        places[flagged] = int(inputs.places.max() + 1) + np.arange(len(flagged))
        thresholds[flagged] = 0.5
        source = graph.concat([source, name]) if source else name
    elif source == inputs.numbers and (traced := trace(graph, columns)) is not None:
        moved = np.zeros(len(own))
        moved[own] = traced.move(places[own], thresholds[own], np.float32)
        # Thresholds that were moved are doubles, and so are the sums; they are rounded at the end.
        trees = replace(trees, features=places, thresholds=moved)
        total = add_groups(
            graph, graph.matrix(traced.columns), trees, Weights(targets, values, outputs)
        )
        return graph.cast(total, np.float32)
    trees = replace(trees, features=places, thresholds=thresholds)
    return add_groups(graph, source, trees, Weights(targets, values, outputs))


def _hide(graph: Graph, source: str, marker: float) -> str:
    """Make the values that equal a marker missing."""
    same = graph.op("Equal", source, graph.exact(marker, np.float32))
    return graph.op("Where", same, graph.exact(np.nan, np.float32), source)
