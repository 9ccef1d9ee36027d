"""XGBoost: trees in float32, whose rows go left where a value is below the threshold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from xgboost import (
    XGBClassifier,
    XGBModel,
    XGBRanker,
    XGBRegressor,
    XGBRFClassifier,
    XGBRFRegressor,
)

from exporter.conversion.boosters.scores import logistic, softmax_answer
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.trees.categories import CategorySplits, flag_splits, read_inputs
from exporter.conversion.trees.ensemble import Weights, add_groups
from exporter.conversion.trees.sources import trace
from exporter.conversion.trees.structure import Trees
from exporter.data.boosters import XGBoostClassifier, XGBoostRegressor
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.structure import Array

_EPSILON = 1e-16  # what its logistic function adds
_LOG_LINK = frozenset({"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"})
_LOGISTIC = frozenset({"binary:logistic", "reg:logistic"})
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
    found = _read(model)
    margins = _add_margins(graph, model, found, columns)
    if found.objective in ("multi:softprob", "multi:softmax"):
        return softmax_answer(graph, margins)
    if found.objective != "binary:logistic":
        raise ConversionError(
            f"a classifier of XGBoost with the objective {found.objective!r} cannot be written as "
            "ONNX: use 'binary:logistic' or 'multi:softprob'"
        )
    second = logistic(graph, margins, 1.0, np.float32, _EPSILON)
    above = graph.op("Greater", second, graph.exact(0.5, np.float32))
    index = graph.op("Reshape", graph.cast(above, np.int64), np.array([-1]))
    shares = graph.concat([graph.op("Sub", graph.exact(1, np.float32), second), second])
    return Answer(index, graph.to_real(shares), graph.to_real(margins))


@predicts(XGBRegressor, XGBRFRegressor, XGBRanker, XGBoostRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor or a ranker."""
    found = _read(model)
    margins = _add_margins(graph, model, found, columns)
    if found.objective in _LOG_LINK:
        margins = graph.op("Exp", margins)
    elif found.objective in _LOGISTIC:
        margins = logistic(graph, margins, 1.0, np.float32, _EPSILON)
    elif found.objective not in _IDENTITY:
        raise ConversionError(
            f"XGBoost's objective {found.objective!r} cannot be written as ONNX: "
            "use 'reg:squarederror' or another one that XGBoost documents for regression"
        )
    return Answer(value=graph.to_real(margins))


def read_trees(model: Any) -> Trees:
    """Read the trees of a model, as it compares them."""
    found = _read(model)
    return _join(found, len(found.start))[0]


@dataclass(frozen=True)
class _Dump:
    """What a booster consists of.

    Attributes:
        objective: Its name.
        trees: The trees that predict() uses, each as the library's JSON has it.
        groups: The output that each tree adds to.
        weights: What each tree's leaves are multiplied by.
        linear: Weights and biases of a linear booster, ``[features + 1, outputs]``.
        start: The margin of each output without any tree, float32.
        categories: The categories of each column that has any.
    """

    objective: str
    trees: list[dict[str, Any]]
    groups: list[int]
    weights: list[float]
    linear: Array | None
    start: Array
    categories: dict[int, Array]


def _read(model: XGBModel) -> _Dump:
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    objective = learner["objective"]["name"]
    booster = learner["gradient_booster"]
    start = _read_start(learner["learner_model_param"], objective)
    if booster["name"] == "gblinear":
        weights = np.array(booster["model"]["weights"], dtype=np.float32)
        return _Dump(objective, [], [], [], weights.reshape(-1, len(start)), start, {})
    drop = booster.get("weight_drop")
    held = booster.get("gbtree", booster)["model"]
    first, last = _rounds(model, held)
    return _Dump(
        objective,
        held["trees"][first:last],
        held["tree_info"][first:last],
        [1.0] * (last - first) if drop is None else drop[first:last],
        None,
        start,
        _read_categories(held.get("cats") or {}),
    )


def _rounds(model: XGBModel, held: dict[str, Any]) -> tuple[int, int]:
    """Return which trees predict() uses: with early stopping, those up to the best round."""
    rounds = held["iteration_indptr"]
    try:
        best = int(model.best_iteration)
    except AttributeError:
        return 0, len(held["trees"])
    return 0, rounds[best + 1]


def _read_start(parameters: dict[str, str], objective: str) -> Array:
    given = json.loads(parameters["base_score"])
    base = np.ravel(np.array(given, dtype=np.float32))
    outputs = max(int(parameters["num_class"]), int(parameters["num_target"]), 1)
    with np.errstate(divide="ignore"):
        if objective in _LOGISTIC or objective == "binary:logitraw":
            base = -np.log(np.float32(1) / base - np.float32(1))
        elif objective in _LOG_LINK:
            base = np.log(base)
    return np.broadcast_to(base, outputs).astype(np.float32)


def _read_categories(held: dict[str, Any]) -> dict[int, Array]:
    found = {}
    for column, known in enumerate(held.get("enc", [])):
        ends = known.get("offsets")
        if ends:
            text = bytes(byte % 256 for byte in known["values"])
            names = [text[first:last].decode() for first, last in pairwise(ends)]
            found[column] = np.array(names, dtype=object)
        elif known["values"]:
            found[column] = np.array(known["values"])
    return found


def _add_margins(graph: Graph, model: Any, found: _Dump, columns: Sequence[Column]) -> str:
    """Write the raw scores, float32 of shape ``[rows, outputs]``."""
    inputs = read_inputs(graph, columns, np.float32)
    source = inputs.numbers
    if found.linear is not None:
        weights, bias = found.linear[:-1], found.linear[-1] + found.start
        product = graph.op("MatMul", source, graph.exact(weights, np.float32))
        return graph.op("Add", product, graph.exact(bias.reshape(1, -1), np.float32))
    if model.missing is not None and model.missing == model.missing:
        marker = graph.exact(model.missing, np.float32)
        same = graph.op("Equal", source, marker)
        source = graph.op("Where", same, graph.exact(np.nan, np.float32), source)
    outputs = len(found.start)
    trees, values, targets = _join(found, outputs)
    splits = _category_splits(found, trees)
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
        trees = Trees(trees.sizes, places, moved, trees.left, trees.right, trees.missing_left)
        total = add_groups(
            graph, graph.matrix(traced.columns), trees, Weights(targets, values, outputs)
        )
        return graph.cast(total, np.float32)
    trees = Trees(trees.sizes, places, thresholds, trees.left, trees.right, trees.missing_left)
    return add_groups(graph, source, trees, Weights(targets, values, outputs))


def _join(found: _Dump, outputs: int) -> tuple[Trees, Array, Array]:
    """Return all trees, behind one tree of a single leaf for the start of each output.

    Returns:
        The trees, what each leaf holds, and the output that each leaf adds to.
    """
    parts: list[dict[str, Any]] = [_leaf() for _ in range(outputs)]
    values = [np.array([value]) for value in found.start]
    targets = [np.array([output]) for output in range(outputs)]
    for tree, group, weight in zip(found.trees, found.groups, found.weights, strict=True):
        left = np.array(tree["left_children"])
        held = np.array(tree["split_conditions"], dtype=np.float32)
        width = int(tree["tree_param"]["size_leaf_vector"])
        if width > 1:  # one tree for all outputs is repeated for each
            table = np.array(tree["leaf_weights"], dtype=np.float32).reshape(-1, width)
            rows = np.array(tree["right_children"])[left < 0]
        for output in range(width) if width > 1 else [group]:
            own = table[rows, output] if width > 1 else held[left < 0]
            parts.append(tree)
            values.append(own * np.float32(weight))
            targets.append(np.full(len(own), output))

    def join(key: str, dtype: Any) -> Array:
        return np.concatenate([np.array(part[key], dtype=dtype) for part in parts])

    left = join("left_children", np.int64)
    trees = Trees(
        sizes=np.array([len(part["left_children"]) for part in parts]),
        features=np.where(left < 0, 0, join("split_indices", np.int64)),
        # Below a threshold is at most at the float before it.
        thresholds=np.nextafter(join("split_conditions", np.float32), np.float32(-np.inf)),
        left=left,
        right=np.where(left < 0, -1, join("right_children", np.int64)),
        missing_left=join("default_left", bool),
    )
    return trees, np.concatenate(values), np.concatenate(targets)


def _leaf() -> dict[str, Any]:
    return {
        "left_children": [-1],
        "right_children": [-1],
        "split_indices": [0],
        "split_conditions": [0.0],
        "default_left": [0],
    }


def _category_splits(found: _Dump, trees: Trees) -> list[CategorySplits]:
    """List the splits by category; a category that is listed for a node goes right."""
    nodes: dict[int, list[int]] = {}
    listed: dict[int, list[list[int]]] = {}
    outputs = len(found.start)
    first = outputs
    for tree in found.trees:
        width = int(tree["tree_param"]["size_leaf_vector"])
        for _ in range(max(width, 1)):
            for place, node in enumerate(tree["categories_nodes"]):
                begin = tree["categories_segments"][place]
                codes = tree["categories"][begin : begin + tree["categories_sizes"][place]]
                column = tree["split_indices"][node]
                nodes.setdefault(column, []).append(first + node)
                listed.setdefault(column, []).append(codes)
            first += len(tree["left_children"])
    splits = []
    for column, own in nodes.items():
        if column not in found.categories:
            raise ConversionError(
                "XGBoost has not kept the categories of this model: fit it with XGBoost 3.1 or "
                "later, or encode categories with OneHotEncoder"
            )
        known = found.categories[column]
        left = np.ones((len(known) + 1, len(own)), dtype=bool)
        for place, codes in enumerate(listed[column]):
            left[codes, place] = False
        left[-1] = trees.missing_left[own]
        splits.append(CategorySplits(column, np.array(own), known, left))
    return splits
