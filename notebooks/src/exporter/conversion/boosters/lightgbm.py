"""LightGBM: trees in double, whose rows go left where a value is at most the threshold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.trees.categories import CategorySplits, flag_splits, read_inputs
from exporter.conversion.trees.ensemble import Weights, add_groups
from exporter.conversion.trees.link import answer_two, is_final, logistic, softmax_answer
from exporter.conversion.trees.sources import trace
from exporter.conversion.trees.structure import Trees
from exporter.data.boosters import LightGBMClassifier, LightGBMRegressor
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.categories import Inputs
    from exporter.conversion.trees.structure import Array

_ZERO = float(np.float32(1e-35))  # what is no larger is zero
_INFINITE = 1e300
_LARGEST = float(np.finfo(np.float64).max)
_LARGEST_EVEN = 1.5 * 2**-53  # the largest number whose logistic function is 0.5
_EXP_LINK = frozenset({"poisson", "gamma", "tweedie"})
_UNNAMED = (
    "LightGBM does not say which of its columns have which categories, because one of them has a "
    "single category, numbers for categories, or categories in an order: pass ordered ones as "
    "numbers or without an order, and drop a constant column, before fit()"
)
_RAW_LABELS = "with an objective of your own, LGBMClassifier returns raw scores: use a built-in one"


@predicts(LGBMClassifier, LightGBMClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    found = _read(model)
    kind, options = _objective(found)
    scale = float(options.get("sigmoid", 1))
    if kind == "binary" and not found["average_output"] and is_final(graph, model):
        least = -_find_least(scale)
        return answer_two(graph, _add_scores(graph, found, columns, least), scale=scale)
    scores = _add_scores(graph, found, columns)
    if kind == "multiclass":
        return softmax_answer(graph, scores)
    if kind == "multiclassova":
        shares = logistic(graph, scores, scale, np.float64)
        index = graph.op("ArgMax", shares, axis=1, keepdims=0)
        return Answer(index, graph.to_real(shares), graph.to_real(scores))
    if kind != "binary":
        raise ConversionError(
            _RAW_LABELS
            if kind == "custom"
            else f"LightGBM's objective {kind!r} cannot be written for a classifier: use 'binary'"
        )
    second = logistic(graph, scores, scale, np.float64)
    first = graph.op("Sub", graph.exact(1, np.float64), second)
    shares = graph.concat([first, second])
    index = graph.op("ArgMax", shares, axis=1, keepdims=0)
    return Answer(index, graph.to_real(shares), graph.to_real(scores))


@predicts(LGBMRegressor, LGBMRanker, LightGBMRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor or a ranker."""
    found = _read(model)
    kind, options = _objective(found)
    scores = _add_scores(graph, found, columns)
    if kind in _EXP_LINK:
        scores = graph.op("Exp", scores)
    elif kind == "cross_entropy":
        scores = logistic(graph, scores, 1.0, np.float64)
    elif kind == "cross_entropy_lambda":
        one = graph.exact(1, np.float64)
        scores = graph.op("Log", graph.op("Add", one, graph.op("Exp", scores)))
    elif "sqrt" in options:
        scores = graph.op("Mul", scores, graph.op("Abs", scores))
    return Answer(value=graph.to_real(scores))


def read_trees(model: Any) -> Trees:
    """Read the trees of a model, as it compares them."""
    return _collect(_read(model)).to_trees()


def _read(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.booster_.dump_model()
    if any("leaf_coeff" in _first_leaf(tree) for tree in found["tree_info"]):
        raise ConversionError(
            "linear models in the leaves of LightGBM cannot be written as ONNX: "
            "fit it with linear_tree=False"
        )
    return found


def _first_leaf(tree: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = tree["tree_structure"]
    while "left_child" in node:
        node = node["left_child"]
    return node


def _objective(found: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the objective's name, and its options such as ``sigmoid``."""
    name, *given = found.get("objective", "custom").split() or ["custom"]
    pairs = (option.partition(":") for option in given)
    return name, {key: value for key, _, value in pairs}


@dataclass
class _Nodes:
    """The nodes of all trees, as they are collected; a leaf has -1 for its children."""

    sizes: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    categories: dict[int, dict[int, list[int]]] = field(default_factory=dict)
    zero_is_missing: set[int] = field(default_factory=set)

    def add_tree(self, root: dict[str, Any], target: int) -> None:
        """Add a tree, each node before its children."""
        first = len(self.left)
        pending: list[tuple[dict[str, Any], list[int], int]] = [(root, [], 0)]
        while pending:
            node, parents, place = pending.pop()
            number = len(self.left)
            if parents:
                parents[place] = number - first
            is_leaf = "left_child" not in node
            self.left.append(-1)
            self.right.append(-1)
            if is_leaf:
                self._add_leaf(node, target)
                continue
            self._add_split(node, number)
            pending.append((node["right_child"], self.right, number))
            pending.append((node["left_child"], self.left, number))
        self.sizes.append(len(self.left) - first)

    def _add_leaf(self, node: dict[str, Any], target: int) -> None:
        self.features.append(0)
        self.thresholds.append(0.0)
        self.missing_left.append(False)
        self.values.append(node["leaf_value"])
        self.targets.append(target)

    def _add_split(self, node: dict[str, Any], number: int) -> None:
        feature = node["split_feature"]
        self.features.append(feature)
        if node["decision_type"] == "==":
            codes = [int(code) for code in node["threshold"].split("||")]
            self.categories.setdefault(feature, {})[number] = codes
            self.thresholds.append(0.5)
            self.missing_left.append(False)
            return
        threshold = _compared(float(node["threshold"]))
        self.thresholds.append(threshold)
        if node["missing_type"] == "None":  # a missing value is taken for 0
            self.missing_left.append(threshold >= 0)
            return
        self.missing_left.append(node["default_left"])
        if node["missing_type"] == "Zero":
            self.zero_is_missing.add(feature)

    def to_trees(self) -> Trees:
        """Return them as arrays."""
        return Trees(
            np.array(self.sizes),
            np.array(self.features),
            np.array(self.thresholds),
            np.array(self.left),
            np.array(self.right),
            np.array(self.missing_left),
        )


def _compared(threshold: float) -> float:
    """Return the threshold that double comparisons need to send rows where LightGBM sends them.

    It takes values close to zero for zero, and values beyond 1e300 for 1e300.
    """
    if -_ZERO <= threshold < 0:
        return float(np.nextafter(-_ZERO, -np.inf))
    if 0 <= threshold < _ZERO:
        return _ZERO
    return _LARGEST if threshold >= _INFINITE else threshold


def _collect(found: dict[str, Any]) -> _Nodes:
    nodes = _Nodes()
    for number, tree in enumerate(found["tree_info"]):
        nodes.add_tree(tree["tree_structure"], number % found["num_tree_per_iteration"])
    return nodes


def _find_least(scale: float) -> float:
    """Return the largest score whose probability is not above that of the first class."""
    found = np.float64(_LARGEST_EVEN / scale)
    while found * scale > _LARGEST_EVEN:
        found = np.nextafter(found, -np.inf)
    while (above := np.nextafter(found, np.inf)) * scale <= _LARGEST_EVEN:
        found = above
    return float(found)


def _add_scores(
    graph: Graph, found: dict[str, Any], columns: Sequence[Column], last: float = 0.0
) -> str:
    """Write the raw scores, double of shape ``[rows, outputs]``; ``last`` is added in the end."""
    outputs = found["num_tree_per_iteration"]
    nodes = _collect(found)
    if last:
        nodes.add_tree({"leaf_value": last}, 0)
    trees = nodes.to_trees()
    inputs = read_inputs(graph, columns, np.float64)
    source = inputs.numbers
    places, thresholds = inputs.places[trees.features], trees.thresholds
    if nodes.zero_is_missing:
        source = _hide_zeros(graph, inputs, nodes.zero_is_missing)
    elif (traced := trace(graph, columns)) is not None and not nodes.categories:
        own = ~trees.leaves
        thresholds[own] = traced.move(places[own], thresholds[own], np.float64)
        source = graph.matrix(traced.columns)
    if nodes.categories:
        flagged, name = flag_splits(graph, inputs, _category_splits(found, nodes), np.float64)
        places[flagged] = int(inputs.places.max() + 1) + np.arange(len(flagged))
        source = graph.concat([source, name]) if source else name
    if (places[~trees.leaves] < 0).any():  # texts whose places in an order are compared
        raise ConversionError(_UNNAMED)
    trees = replace(trees, features=places, thresholds=thresholds)
    values, targets = np.array(nodes.values), np.array(nodes.targets)
    total = add_groups(graph, source, trees, Weights(targets, values, outputs))
    if not found["average_output"]:
        return total
    rounds = len(found["tree_info"]) // outputs
    return graph.op("Div", total, graph.exact(rounds, np.float64))


def _hide_zeros(graph: Graph, inputs: Inputs, features: set[int]) -> str:
    """Make zeros missing in the columns where LightGBM takes them for that."""
    width = int(inputs.places.max()) + 1
    chosen = np.isin(np.arange(width), inputs.places[sorted(features)])
    size = graph.op("Abs", inputs.numbers)
    small = graph.op("LessOrEqual", size, graph.exact(_ZERO, np.float64))
    hidden = graph.op("And", small, graph.exact(chosen.reshape(1, -1), bool))
    return graph.op("Where", hidden, graph.exact(np.nan, np.float64), inputs.numbers)


def _category_splits(found: dict[str, Any], nodes: _Nodes) -> list[CategorySplits]:
    """List the splits by category; a category that is listed for a node goes left."""
    names = _category_names(found, sorted(nodes.categories))
    splits = []
    for column, own in nodes.categories.items():
        codes = sorted({code for listed in own.values() for code in listed})
        known = names.get(column)
        are_numbers = known is None  # which were given as categories
        if known is None:
            known, index = np.array(codes), {code: place for place, code in enumerate(codes)}
        else:
            index = {code: code for code in range(len(known))}
        left = np.zeros((len(known) + 1, len(own)), dtype=bool)
        for place, listed in enumerate(own.values()):
            left[[index[code] for code in listed], place] = True
        splits.append(CategorySplits(column, np.array(list(own)), known, left, are_numbers))
    return splits


def _category_names(found: dict[str, Any], used: list[int]) -> dict[int, Array]:
    """Return the categories of each column that pandas held as categories."""
    given = found["pandas_categorical"]
    if not given:
        return {}
    infos = found["feature_infos"]
    columns = [
        place
        for place, name in enumerate(found["feature_names"])
        if infos.get(name, {}).get("values")
    ]
    if len(columns) != len(given):
        raise ConversionError(_UNNAMED)
    named = zip(columns, given, strict=True)
    return {
        column: np.array(names, dtype=object if isinstance(names[0], str) else None)
        for column, names in named
        if column in used
    }
