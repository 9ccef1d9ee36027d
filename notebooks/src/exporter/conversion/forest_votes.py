"""Counting a forest's votes as scikit-learn counts them.

skl2onnx divides each tree's vote by the number of trees and lets onnxruntime add shares in single
precision. Twenty-five of fifty trees then add up to 0.50000006, and a tie that scikit-learn gives
to the first class goes to the second. Here whole votes are added, which single precision does
exactly up to 16 million trees, the first of the largest sums wins, and the division comes last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterable

_STRUCTURE = (
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
)


def count_votes(model: Any, forests: list[list[Any]]) -> None:
    """Replace each forest's classifier by trees that sum whole votes.

    Args:
        model: The graph.
        forests: The low-level trees of each tree estimator in the model.
    """
    nodes = []
    for node in model.graph.node:
        trees = _match(node, forests)
        if trees is None or len(trees) < 2:
            nodes.append(node)
        else:
            made, constants = _vote(node, trees)
            nodes += made
            model.graph.initializer.extend(constants)
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _match(node: Any, forests: Iterable[list[Any]]) -> list[Any] | None:
    if node.op_type != "TreeEnsembleClassifier":
        return None
    attributes = _attributes(node)
    for trees in forests:
        if sum(tree.node_count for tree in trees) != len(attributes["nodes_nodeids"]):
            continue
        features = np.concatenate([np.maximum(tree.feature, 0) for tree in trees])
        if np.array_equal(features, attributes["nodes_featureids"]):
            return trees
    return None


def _vote(node: Any, trees: list[Any]) -> tuple[list[Any], list[Any]]:
    label, probabilities = node.output
    attributes = _attributes(node)
    classes = attributes.get("classlabels_strings") or attributes["classlabels_int64s"]
    texts = isinstance(classes[0], bytes)
    values = [c.decode() for c in classes] if texts else classes
    array = np.array(values, dtype=object if texts else np.int64)
    sums, winner = f"{probabilities}_votes", f"{probabilities}_winner"
    known, count = f"{probabilities}_classes", f"{probabilities}_trees"
    made = [
        helper.make_node(
            "TreeEnsembleRegressor",
            [node.input[0]],
            [sums],
            domain="ai.onnx.ml",
            n_targets=len(classes),
            **{name: attributes[name] for name in _STRUCTURE if name in attributes},
            **_weights(trees),
        ),
        helper.make_node("ArgMax", [sums], [winner], axis=1, keepdims=0),
        helper.make_node("Gather", [known, winner], [label]),
        helper.make_node("Div", [sums, count], [probabilities]),
    ]
    constants = [
        numpy_helper.from_array(array, known),
        numpy_helper.from_array(np.array(len(trees), dtype=np.float32), count),
    ]
    return made, constants


def _weights(trees: list[Any]) -> dict[str, Any]:
    owners, leaves, targets, weights = [], [], [], []
    for number, tree in enumerate(trees):
        leaf = tree.children_left < 0
        values = tree.value[:, 0, :]
        shares = values / values.sum(axis=1, keepdims=True)
        places, columns = np.nonzero((shares > 0) & leaf[:, None])
        owners.append(np.full(len(places), number))
        leaves.append(places)
        targets.append(columns)
        weights.append(shares[places, columns])
    return {
        "target_treeids": np.concatenate(owners).tolist(),
        "target_nodeids": np.concatenate(leaves).tolist(),
        "target_ids": np.concatenate(targets).tolist(),
        "target_weights": np.concatenate(weights).tolist(),
    }


def _attributes(node: Any) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}
