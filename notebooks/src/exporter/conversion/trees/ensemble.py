"""Tree ensembles as ONNX nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from exporter.conversion.composition.graph import Graph
    from exporter.conversion.payload import Payload
    from exporter.conversion.trees.structure import Array, Shares, Trees

_EXACT = 1 << 24  # whole numbers up to it are exact in float32
_MODES = np.array([b"BRANCH_LEQ", b"LEAF"], dtype=object)


def find_leaves(graph: Graph, source: str, trees: Trees) -> str:
    """Find the leaf of each tree that a row falls into.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.

    Returns:
        Name of a tensor of integers, ``[rows, trees]``: leaves, counted through all trees.
    """
    nodes = np.flatnonzero(trees.leaves)
    owners = trees.tree_numbers[nodes]
    numbers = np.arange(len(nodes))
    if len(nodes) < _EXACT:
        return graph.cast(_ensemble(graph, source, trees, (nodes, owners, numbers)), np.int32)
    starts = np.cumsum(trees.leaf_counts) - trees.leaf_counts
    local = _ensemble(graph, source, trees, (nodes, owners, numbers - starts[owners]))
    return graph.op("Add", graph.cast(local, np.int64), starts.reshape(1, -1))


def add_up(graph: Graph, source: str, trees: Trees, shares: Shares) -> str:
    """Add what the leaves hold, at once; exact for whole numbers below 2**24.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.
        shares: What each leaf holds.

    Returns:
        Name of a float32 tensor ``[rows, classes]``.
    """
    nodes = np.flatnonzero(trees.leaves)[shares.leaves]
    weights = (nodes, shares.columns, shares.values)
    return _ensemble(graph, source, trees, weights, shares.shape[1])


def add_in_order(graph: Graph, leaves: str, values: Array) -> str:
    """Add what the leaves hold in double, tree after tree, as a loop would.

    Args:
        graph: Where to write.
        leaves: Leaves by row and tree, see :func:`find_leaves`.
        values: What each leaf holds, ``[leaves, columns]``.

    Returns:
        Name of a double tensor ``[rows, columns]``.
    """
    return add_parts(graph, graph.op("Gather", graph.exact(values, np.float64), leaves, axis=0))


def add_parts(graph: Graph, parts: str) -> str:
    """Add along the second axis, one after the other as a loop would; the axis goes."""
    sums = graph.op("CumSum", parts, 1)
    return graph.op("Gather", sums, -1, axis=1)


def _ensemble(
    graph: Graph,
    source: str,
    trees: Trees,
    weights: tuple[Array, Array, Array],
    count: int | None = None,
) -> str:
    nodes, targets, values = weights
    owners, places = trees.tree_numbers.astype(np.int32), trees.node_numbers.astype(np.int32)
    payload: Payload = {
        "nodes_treeids": owners,
        "nodes_nodeids": places,
        "nodes_featureids": np.where(trees.leaves, 0, trees.features),
        "nodes_modes": (_MODES, trees.leaves.astype(np.int8)),
        "nodes_values": trees.thresholds,
        "nodes_truenodeids": np.maximum(trees.left, 0),
        "nodes_falsenodeids": np.maximum(trees.right, 0),
        "target_treeids": owners[nodes],
        "target_nodeids": places[nodes],
        "target_ids": targets,
        "target_weights": values.astype(trees.thresholds.dtype),
    }
    if trees.missing_left.any():
        payload["nodes_missing_value_tracks_true"] = trees.missing_left.astype(np.int8)
    count = count or len(trees.sizes)
    name = graph.unique("trees")
    graph.payloads[name] = payload
    return graph.op(
        "TreeEnsembleRegressor", source, domain="ai.onnx.ml", name=name, n_targets=count
    )
