"""Classifiers by the nearest centroid or code word, and distances to cluster centers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.cluster import Birch, BisectingKMeans
from sklearn.multiclass import OutputCodeClassifier
from sklearn.neighbors import NearestCentroid

from exporter.conversion.distances.metrics import (
    Metric,
    metric_of,
    reduced_distances,
    true_distances,
)
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predict, predicts, transforms
from exporter.conversion.graph.scores import binary_score, largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


@predicts(NearestCentroid)
def predict_centroid(graph: Graph, model: NearestCentroid, columns: Sequence[Column]) -> Answer:
    """Return the class of the nearest centroid; unequal priors are taken into account."""
    values, centroids = graph.matrix(columns), dense(model.centroids_)
    priors = np.asarray(model.class_prior_, dtype=np.float64)
    metric = metric_of(model)
    spread = np.asarray(model.within_class_std_dev_, dtype=np.float64)
    spread = np.where(spread == 0, 1.0, spread)
    scaled = graph.op("Div", values, spread[None, :])
    distances = reduced_distances(graph, scaled, centroids / spread, metric)
    squares = distances if metric.name == "euclidean" else graph.op("Mul", distances, distances)
    scores = graph.op("Sub", 2.0 * np.log(priors)[None, :], squares)
    ranked = scores
    if np.isclose(priors, 1 / len(priors)).all():
        ranked = graph.op("Neg", reduced_distances(graph, values, centroids, metric))
    decision = scores
    if len(priors) == 2:
        pair = [graph.gather(scores, [index]) for index in (1, 0)]
        decision = graph.op("Sub", *pair)
    shares = None
    if hasattr(model, "predict_proba"):
        shares = graph.op("Softmax", scores, axis=1)
    return Answer(largest(graph, ranked), shares, decision)


@predicts(OutputCodeClassifier)
def predict_code(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the class whose code word is nearest to the estimators' scores."""
    votes = graph.concat(
        [binary_score(graph, e, predict(graph, e, columns)) for e in model.estimators_]
    )
    book = np.asarray(model.code_book_, dtype=np.float64)
    product = graph.op("Mul", graph.op("MatMul", votes, book.T), 2.0)
    # The square of the scores is the same for each class, so it is left out.
    return Answer(largest(graph, graph.op("Sub", product, (book**2).sum(axis=1)[None, :])))


@transforms(Birch, BisectingKMeans)
def transform_centers(graph: Graph, model: Any, columns: Sequence[Column]) -> list[Column]:
    """Return the distance to each center."""
    centers = model.subcluster_centers_ if isinstance(model, Birch) else model.cluster_centers_
    metric = Metric("euclidean")
    squares = reduced_distances(graph, graph.matrix(columns), dense(centers), metric)
    return [Column(true_distances(graph, squares, metric), "real", len(centers))]
