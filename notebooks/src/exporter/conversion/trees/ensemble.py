"""Tree ensembles as ONNX nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from exporter.conversion.trees.structure import split_trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.payload import Payload
    from exporter.conversion.trees.structure import Array, Shares, Trees

_DOMAIN = "ai.onnx.ml"
_AVERAGE, _SUM = 0, 1  # of TreeEnsemble's aggregate_function
_LESS_OR_EQUAL = 0  # of its nodes_modes
_MODES = np.array([b"BRANCH_LEQ", b"LEAF"], dtype=object)


class Weights(NamedTuple):
    """The value that each leaf adds to one of the outputs.

    Attributes:
        targets: The output of each leaf.
        values: The value of each leaf.
        outputs: The number of outputs.
    """

    targets: Array
    values: Array
    outputs: int


def find_leaves(graph: Graph, source: str, trees: Trees) -> str:
    """Find the leaf of each tree for each row.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.

    Returns:
        Name of a tensor of integers, ``[rows, trees]``: leaves, counted through all trees.
    """
    found, first = [], 0
    for part in split_trees(trees):
        owners, count = part.tree_numbers[part.leaves], int(part.leaf_counts.sum())
        weights = Weights(owners, np.arange(count), len(part.sizes))
        numbers = graph.cast(_ensemble(graph, source, part, weights), np.int32)
        offset = graph.exact(first, np.int32)
        found.append(graph.op("Add", numbers, offset) if first else numbers)
        first += count
    return graph.concat(found)


def average(graph: Graph, source: str, trees: Trees, held: Weights) -> str:
    """Average whole numbers that the leaves hold, such as votes, over the trees.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.
        held: The number and the output of each leaf.

    Returns:
        Name of a tensor of reals, ``[rows, outputs]``.
    """
    if trees.thresholds.dtype == graph.dtype and len(list(split_trees(trees))) == 1:
        return _ensemble(graph, source, trees, held, _AVERAGE)
    sums = graph.cast(_add_up(graph, source, trees, held), graph.dtype)
    return graph.op("Div", sums, graph.exact(len(trees.sizes), graph.dtype))


def add_values(graph: Graph, source: str, trees: Trees, values: Array, width: int = 1) -> str:
    """Add the leaves' values in double, tree after tree.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees; of each ``width`` the first adds to the first output, and so on.
        values: The value of each leaf, ``[leaves]``.
        width: The number of outputs.

    Returns:
        Name of a double tensor ``[rows, width]``.
    """
    targets = trees.tree_numbers[trees.leaves] % width
    doubles = trees.with_thresholds(np.float64)
    return _add_up(graph, graph.cast(source, np.float64), doubles, Weights(targets, values, width))


def add_groups(graph: Graph, source: str, trees: Trees, held: Weights) -> str:
    """Add the leaves' values, in the type of the trees' thresholds.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.
        held: The value and the output of each leaf.

    Returns:
        Name of a tensor ``[rows, outputs]``, of the type of the thresholds.
    """
    return _add_up(graph, source, trees, held)


def add_shares(graph: Graph, source: str, trees: Trees, shares: Shares) -> str:
    """Add the leaves' shares of classes in double, and round the sum to float32.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.
        shares: The shares of each leaf.

    Returns:
        Name of a float32 tensor ``[rows, classes]``.
    """
    payload = _list_doubles(trees, shares, "target")
    doubles = graph.cast(source, np.float64)
    count = shares.shape[1]
    (sums,) = graph.large_ops(
        "TreeEnsembleRegressor", doubles, payload, count=1, domain=_DOMAIN, n_targets=count
    )
    return sums


def classify(
    graph: Graph, source: str, trees: Trees, scores: Shares, codes: Sequence[str | int]
) -> tuple[str, str]:
    """Add the leaves' scores of three or more classes in double, and choose the largest sum.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.
        scores: The scores of each leaf.
        codes: What the file holds for each class.

    Returns:
        Name of the labels, ``[rows]``: the first class with the largest sum. And of their softmax
        in float32, ``[rows, classes]``.
    """
    texts = isinstance(codes[0], str)
    label, shares = graph.large_ops(
        "TreeEnsembleClassifier",
        graph.cast(source, np.float64),
        _list_doubles(trees, scores, "class"),
        count=2,
        domain=_DOMAIN,
        post_transform="SOFTMAX",
        **{"classlabels_strings" if texts else "classlabels_int64s": list(codes)},
    )
    return label, shares


def _list_doubles(trees: Trees, shares: Shares, kind: str) -> Payload:
    """List the nodes of an older operator, and the values of its targets or classes."""
    owners, places = trees.tree_numbers.astype(np.int32), trees.node_numbers.astype(np.int32)
    nodes = np.flatnonzero(trees.leaves)[shares.leaves]
    payload: Payload = {
        "nodes_treeids": owners,
        "nodes_nodeids": places,
        "nodes_featureids": np.where(trees.leaves, 0, trees.features),
        "nodes_modes": (_MODES, trees.leaves.astype(np.int8)),
        "nodes_values_as_tensor": trees.thresholds.astype(np.float64),
        "nodes_truenodeids": np.maximum(trees.left, 0),
        "nodes_falsenodeids": np.maximum(trees.right, 0),
        f"{kind}_treeids": owners[nodes],
        f"{kind}_nodeids": places[nodes],
        f"{kind}_ids": shares.columns,
        f"{kind}_weights_as_tensor": shares.values,
    }
    if trees.missing_left.any():
        payload["nodes_missing_value_tracks_true"] = trees.missing_left.astype(np.int8)
    return payload


def add_in_order(graph: Graph, leaves: str, values: Array) -> str:
    """Add the leaves' values in double, tree after tree.

    Args:
        graph: Where to write.
        leaves: Leaves by row and tree, see :func:`find_leaves`.
        values: The values of each leaf, ``[leaves, columns]``.

    Returns:
        Name of a double tensor ``[rows, columns]``.
    """
    return add_parts(graph, graph.op("Gather", graph.exact(values, np.float64), leaves, axis=0))


def add_parts(graph: Graph, parts: str) -> str:
    """Sum over the second axis, strictly in order."""
    sums = graph.op("CumSum", parts, 1)
    return graph.op("Gather", sums, -1, axis=1)


def _add_up(graph: Graph, source: str, trees: Trees, weights: Weights) -> str:
    total, first = "", 0
    for part in split_trees(trees):
        chosen = slice(first, first := first + int(part.leaf_counts.sum()))
        own = Weights(weights.targets[chosen], weights.values[chosen], weights.outputs)
        sums = _ensemble(graph, source, part, own)
        total = graph.op("Add", total, sums) if total else sums
    return total


def _ensemble(
    graph: Graph, source: str, trees: Trees, weights: Weights, aggregate: int = _SUM
) -> str:
    """Write one node; its type is that of the thresholds."""
    inner = np.flatnonzero(~trees.leaves)
    # The index of each node among the leaves, or among the inner nodes.
    places = np.where(trees.leaves, np.cumsum(trees.leaves), np.cumsum(~trees.leaves)) - 1
    starts = trees.starts
    lonely = starts[trees.leaves[starts]]
    left, right = (
        (np.repeat(starts, trees.sizes) + children)[inner] for children in (trees.left, trees.right)
    )
    # A root cannot be a leaf: a tree with one leaf gets an inner node above two equal leaves.
    roots = places[starts]
    roots[trees.leaves[starts]] = len(inner) + np.arange(len(lonely))
    twins = int(trees.leaves.sum()) + np.arange(len(lonely))
    none = np.zeros(len(lonely), dtype=np.int8)

    def list_inner(values: Array, last: Array = none) -> Array:
        return np.concatenate([values, last.astype(values.dtype)])

    def list_leaves(values: Array) -> Array:
        return np.concatenate([values, values[places[lonely]]])

    payload: Payload = {
        "tree_roots": roots,
        "nodes_featureids": list_inner(trees.features[inner]),
        "nodes_splits": list_inner(trees.thresholds[inner]),
        "nodes_modes": np.full(len(inner) + len(lonely), _LESS_OR_EQUAL, dtype=np.uint8),
        "nodes_truenodeids": list_inner(places[left], places[lonely]),
        "nodes_trueleafs": list_inner(trees.leaves[left].astype(np.int8), none + 1),
        "nodes_falsenodeids": list_inner(places[right], twins),
        "nodes_falseleafs": list_inner(trees.leaves[right].astype(np.int8), none + 1),
        "leaf_targetids": list_leaves(weights.targets),
        "leaf_weights": list_leaves(weights.values.astype(trees.thresholds.dtype)),
    }
    if trees.missing_left.any():
        tracks = list_inner(trees.missing_left[inner].astype(np.int8))
        payload["nodes_missing_value_tracks_true"] = tracks
    (made,) = graph.large_ops(
        "TreeEnsemble",
        source,
        payload,
        count=1,
        domain=_DOMAIN,
        n_targets=weights.outputs,
        aggregate_function=aggregate,
    )
    return made
