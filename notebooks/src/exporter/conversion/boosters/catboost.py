"""CatBoost: symmetric and other trees in float32, added up in double."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from catboost import CatBoostClassifier, CatBoostRanker, CatBoostRegressor

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.trees.ensemble import Weights, add_groups
from exporter.conversion.trees.link import (
    answer_largest,
    answer_two,
    is_final,
    logistic,
    softmax_answer,
)
from exporter.conversion.trees.sources import read_source
from exporter.conversion.trees.structure import Shares, Trees, with_leaves
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.structure import Array

_EXPONENTS = frozenset({"Poisson", "Tweedie"})
_OWN_ANSWERS = frozenset({"RMSEWithUncertainty"})


@predicts(CatBoostClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    found = _read(model)
    if found.loss == "MultiClass" and found.scale == 1:
        source, trees, values = _read_leaves(graph, found, columns)
        answer = answer_largest(graph, model, source, trees, Shares.of_table(values))
        if answer is not None:
            return answer
    scores = _add_scores(graph, found, columns)
    if found.loss == "MultiClass":
        return softmax_answer(graph, scores)
    if found.loss == "MultiClassOneVsAll":
        shares = logistic(graph, scores, 1.0, np.float64)
        index = graph.op("ArgMax", scores, axis=1, keepdims=0)
        return Answer(index, graph.to_real(shares), graph.to_real(scores))
    if found.outputs != 1:
        raise ConversionError(
            f"CatBoost's loss {found.loss!r} cannot be written for a classifier: use 'Logloss' or "
            "'MultiClass'"
        )
    share = np.float64(model.get_probability_threshold())
    with np.errstate(divide="ignore"):
        least = np.log(share / (1 - share))
    if least == 0 and is_final(graph, model):
        return answer_two(graph, scores)
    second = logistic(graph, scores, 1.0, np.float64)
    first = graph.op("Sub", graph.exact(1, np.float64), second)
    above = graph.op("Greater", scores, graph.exact(least, np.float64))
    index = graph.op("Reshape", graph.cast(above, np.int64), np.array([-1]))
    return Answer(index, graph.to_real(graph.concat([first, second])), graph.to_real(scores))


@predicts(CatBoostRegressor, CatBoostRanker)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor or a ranker."""
    found = _read(model)
    if found.loss in _OWN_ANSWERS:
        raise ConversionError(
            f"CatBoost's loss {found.loss!r} cannot be written as ONNX: use 'RMSE' or 'Quantile'"
        )
    scores = _add_scores(graph, found, columns)
    if found.loss in _EXPONENTS:
        scores = graph.op("Exp", scores)
    return Answer(value=graph.to_real(scores))


def read_trees(model: Any) -> Trees:
    """Read the trees of a model, as it compares them."""
    return _read(model).trees


@dataclass(frozen=True)
class _Dump:
    """What a model consists of.

    Attributes:
        loss: The name of its loss function.
        trees: Nodes, see :class:`Trees`; thresholds are float32.
        values: What each leaf holds, ``[leaves, outputs]``.
        scale: What the sum of leaves is multiplied by.
        bias: What is added then, ``[outputs]``.
    """

    loss: str
    trees: Trees
    values: Array
    scale: float
    bias: Array

    @property
    def outputs(self) -> int:
        """How many outputs there are."""
        return len(self.bias)


def _read(model: Any) -> _Dump:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        dump = json.loads(path.read_text())
    features = dump["features_info"]
    if any(key in features for key in ("text_features", "embedding_features")):
        raise ConversionError(
            "CatBoost's text and embedding features cannot be written as ONNX: turn them into "
            "numbers before fit(), for example with TfidfVectorizer in a Pipeline"
        )
    numbers = {each["feature_index"]: each for each in features.get("float_features", [])}
    scale, bias = dump["scale_and_bias"]
    outputs = len(bias)
    nodes: list[_Node] = []
    sizes = []
    for tree in dump.get("oblivious_trees") or []:
        sizes.append(len(nodes))
        nodes += _symmetric(tree, outputs)
    for tree in dump.get("trees") or []:
        sizes.append(len(nodes))
        nodes += _ordered(tree, outputs)
    counts = np.diff([*sizes, len(nodes)])
    return _Dump(
        dump["model_info"]["params"]["loss_function"]["type"],
        _to_trees(nodes, counts, numbers),
        np.array([node.value for node in nodes if node.value is not None]).reshape(-1, outputs),
        float(scale),
        np.array(bias, dtype=np.float64),
    )


@dataclass
class _Node:
    """A split, with the numbers of its children within its tree; or a leaf, with its values."""

    split: dict[str, Any] | None = None
    left: int = -1
    right: int = -1
    value: list[float] | None = None


def _symmetric(tree: dict[str, Any], outputs: int) -> Iterator[_Node]:
    """Yield the nodes of a tree whose levels each have one split, level by level."""
    splits = tree["splits"]
    for level, split in enumerate(splits):
        first = 2**level - 1
        for place in range(2**level):
            child = 2 * (first + place) + 1
            yield _Node(split, child, child + 1)
    values = np.reshape(tree["leaf_values"], (-1, outputs))
    depth = len(splits)
    for place in range(2**depth):
        # The first split decides the leaf's lowest bit, and here it is the topmost level.
        leaf = sum(((place >> (depth - 1 - level)) & 1) << level for level in range(depth))
        yield _Node(value=values[leaf].tolist())


def _ordered(root: dict[str, Any], outputs: int) -> list[_Node]:
    """List the nodes of any other tree, each before its children."""
    nodes: list[_Node] = []
    pending: list[tuple[dict[str, Any], _Node | None, str]] = [(root, None, "")]
    while pending:
        held, parent, side = pending.pop()
        if parent is not None:
            setattr(parent, side, len(nodes))
        if "split" not in held:
            nodes.append(_Node(value=np.ravel(held["value"]).tolist()[:outputs]))
            continue
        node = _Node(held["split"])
        nodes.append(node)
        pending.append((held["right"], node, "right"))
        pending.append((held["left"], node, "left"))
    return nodes


def _to_trees(nodes: list[_Node], sizes: Array, numbers: dict[int, dict[str, Any]]) -> Trees:
    features, thresholds, missing_left = [], [], []
    for node in nodes:
        split = node.split
        if split is None:
            features.append(0)
            thresholds.append(0.0)
            missing_left.append(False)
            continue
        if split["split_type"] != "FloatFeature":
            raise ConversionError(
                "CatBoost's own encoding of categories cannot be written as ONNX: encode them "
                "before it, for example with OneHotEncoder or TargetEncoder in a Pipeline"
            )
        feature = numbers[split["float_feature_index"]]
        features.append(feature["flat_feature_index"])
        thresholds.append(split["border"])
        missing_left.append(feature["nan_value_treatment"] != "AsTrue")
    return Trees(
        sizes,
        np.array(features),
        np.array(thresholds, dtype=np.float32),
        np.array([node.left for node in nodes]),
        np.array([node.right for node in nodes]),
        np.array(missing_left),
    )


def _add_scores(graph: Graph, found: _Dump, columns: Sequence[Column]) -> str:
    """Write the raw scores, double of shape ``[rows, outputs]``."""
    source, trees, values = _read_leaves(graph, found, columns)
    targets = np.zeros(len(values), dtype=int)
    sums = [
        add_groups(graph, source, trees, Weights(targets, values[:, output], 1))
        for output in range(found.outputs)
    ]
    total = graph.concat(sums)
    if found.scale == 1:
        return total
    total = graph.op("Mul", total, graph.exact(found.scale, np.float64))
    return graph.op("Add", total, graph.exact(found.bias.reshape(1, -1), np.float64))


def _read_leaves(graph: Graph, found: _Dump, columns: Sequence[Column]) -> tuple[str, Trees, Array]:
    """Return the input, the trees in double, and what their leaves hold, ``[leaves, outputs]``."""
    source, trees = read_source(graph, columns, found.trees)
    source, trees = graph.cast(source, np.float64), trees.with_thresholds(np.float64)
    ends = [found.bias] if found.scale == 1 and found.bias.any() else []
    values = np.vstack([found.values, *ends])  # the bias is added as the leaf of a last tree
    return source, with_leaves(trees, len(ends)), values
