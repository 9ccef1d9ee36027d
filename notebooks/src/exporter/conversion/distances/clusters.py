"""Clusters by their centers, and mixtures of normal distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.cluster import (
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.registry import predicts
from exporter.conversion.graph.scores import largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

    Array = np.ndarray[Any, Any]


class Splits(NamedTuple):
    """The inner nodes of a bisecting k-means, each of which chooses between two centers.

    Attributes:
        centers: The left centers of all nodes, then the right ones; ``[2 * nodes, columns]``.
        paths: How each cluster is reached, ``[nodes, clusters]``: 1 to the right, -1 to the left,
            0 past the node.
    """

    centers: Array
    paths: Array


@predicts(AffinityPropagation, Birch, KMeans, MeanShift, MiniBatchKMeans)
def predict_nearest(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the cluster of the nearest center, the first of equally near ones."""
    values, own = _center(graph, columns, dense(centers_of(model)))
    halves = _halves(graph, values, own)
    index = graph.op("ArgMin", halves, axis=1, keepdims=0)
    if isinstance(model, Birch):
        _, places = np.unique(model.subcluster_labels_, return_inverse=True)
        index = graph.op("Gather", places, index)
    return Answer(index, scores=lambda: _distances(graph, values, halves))


@predicts(BisectingKMeans)
def predict_bisected(graph: Graph, model: BisectingKMeans, columns: Sequence[Column]) -> Answer:
    """Walk down the tree of clusters: to the nearer of two centers at each node."""

    def add_distances() -> str:
        values, own = _center(graph, columns, dense(model.cluster_centers_))
        return _distances(graph, values, _halves(graph, values, own))

    splits = read_splits(model)
    count = len(splits.paths)
    if count == 0:  # a single cluster
        return predict_nearest(graph, model, columns)
    values, own = _center(graph, columns, splits.centers)
    halves = _halves(graph, values, own)
    left = graph.gather(halves, list(range(count)))
    right = graph.gather(halves, list(range(count, 2 * count)))
    turned = graph.to_real(graph.op("Less", right, left))
    # A cluster is reached where each node on its path turns to it.
    agreed = graph.op("MatMul", turned, splits.paths)
    missed = graph.op("Sub", agreed, (splits.paths > 0).sum(axis=0).astype(float)[None, :])
    return Answer(largest(graph, missed), scores=add_distances)


@predicts(GaussianMixture, BayesianGaussianMixture)
def predict_mixture(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the most likely component, and the share of each."""
    means = dense(model.means_)
    # A component's density at its own mean holds all that does not depend on the row.
    peaks = np.diag(model._estimate_weighted_log_prob(means))  # noqa: SLF001 - has no public name
    squares = _squares(graph, model, graph.matrix(columns))
    logs = graph.op("Add", graph.op("Mul", squares, -0.5), peaks[None, :])
    return Answer(largest(graph, logs), graph.op("Softmax", logs, axis=1))


def centers_of(model: Any) -> Any:
    """Return the centers of a clusterer, ``[centers, columns]``."""
    return model.subcluster_centers_ if isinstance(model, Birch) else model.cluster_centers_


def read_splits(model: BisectingKMeans) -> Splits:
    """Read the tree of a bisecting k-means; without nodes if there is a single cluster."""
    nodes: list[Any] = []
    ways: dict[int, list[tuple[int, int]]] = {}

    def walk(node: Any, way: list[tuple[int, int]]) -> None:
        if node.left is None:
            ways[int(node.label)] = way
            return
        place = len(nodes)
        nodes.append(node)
        walk(node.left, [*way, (place, -1)])
        walk(node.right, [*way, (place, 1)])

    walk(model._bisecting_tree, [])  # noqa: SLF001 - has no public name
    paths = np.zeros((len(nodes), len(ways)))
    for label, way in ways.items():
        for place, turn in way:
            paths[place, label] = turn
    sides = [node.left.center for node in nodes] + [node.right.center for node in nodes]
    centers = np.array(sides, dtype=np.float64).reshape(len(sides), model.n_features_in_)
    centers += getattr(model, "_X_mean", 0.0)
    return Splits(centers, paths)


def _center(graph: Graph, columns: Sequence[Column], centers: Array) -> tuple[str, Array]:
    """Move rows and centers to the middle of the centers, where products round less."""
    middle = centers.mean(axis=0, keepdims=True)
    return graph.op("Sub", graph.matrix(columns), middle), centers - middle


def _halves(graph: Graph, values: str, centers: Array) -> str:
    """Return the squared distances to all centers, less the square of the row itself."""
    squares = (centers**2).sum(axis=1)
    return graph.op("Gemm", values, -2.0 * centers, squares, transB=1)


def _distances(graph: Graph, values: str, halves: str) -> str:
    own = graph.total(graph.op("Mul", values, values))
    return graph.op("Sqrt", graph.op("Max", graph.op("Add", halves, own), 0.0))


def _squares(graph: Graph, model: Any, values: str) -> str:
    """Return the squared Mahalanobis distance to each component, ``[rows, components]``."""
    means, roots = dense(model.means_), dense(model.precisions_cholesky_)
    count, width = means.shape
    if model.covariance_type in ("full", "tied"):
        turns = np.broadcast_to(roots, (count, width, width))
        middle = means.mean(axis=0, keepdims=True)
        moved = graph.op("Sub", values, middle)
        turned = graph.op("MatMul", moved, np.concatenate(list(turns), axis=1))
        offsets = np.einsum("kd,kde->ke", means - middle, turns)
        apart = graph.op("Sub", turned, offsets.reshape(1, -1))
        apart = graph.op("Reshape", apart, np.array([-1, count, width]))
    else:
        scales = roots if model.covariance_type == "diag" else roots[:, None]
        rows = graph.op("Unsqueeze", values, np.array([1]))
        apart = graph.op("Mul", graph.op("Sub", rows, means[None]), scales[None])
    return graph.op("ReduceSum", graph.op("Mul", apart, apart), np.array([2]), keepdims=0)
