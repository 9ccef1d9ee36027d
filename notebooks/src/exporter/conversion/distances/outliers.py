"""Outlier detectors by density, kernel and covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from exporter.conversion.distances.kernels import kernel_of
from exporter.conversion.distances.metrics import metric_of, true_distances
from exporter.conversion.distances.nearest import choose_nearest
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.registry import predicts
from exporter.conversion.graph.scores import above, at_least

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

_LEAST = 1e-10  # what LocalOutlierFactor adds to mean distances


@predicts(OneClassSVM)
def predict_one_class(graph: Graph, model: OneClassSVM, columns: Sequence[Column]) -> Answer:
    """Compare the weighted sum of the kernel with the offset; like libsvm, 0 is an outlier."""
    kernel, weights = kernel_of(graph, model, columns), dense(model.dual_coef_)
    score = graph.op("Gemm", kernel, weights, np.asarray(model.intercept_, float), transB=1)
    return Answer(above(graph, score, 0.0), scores=score)


@predicts(SGDOneClassSVM)
def predict_line(graph: Graph, model: SGDOneClassSVM, columns: Sequence[Column]) -> Answer:
    """Compare a product with the offset."""
    weights = np.atleast_2d(dense(model.coef_))
    offset = -np.asarray(model.offset_, dtype=np.float64)
    score = graph.op("Gemm", graph.matrix(columns), weights, offset, transB=1)
    return Answer(at_least(graph, score, 0.0), scores=score)


@predicts(EllipticEnvelope)
def predict_envelope(graph: Graph, model: EllipticEnvelope, columns: Sequence[Column]) -> Answer:
    """Compare the squared Mahalanobis distance with the offset."""
    apart = graph.op("Sub", graph.matrix(columns), dense(model.location_)[None, :])
    turned = graph.op("MatMul", apart, dense(model.get_precision()))
    square = graph.total(graph.op("Mul", turned, apart))
    score = graph.op("Sub", graph.op("Neg", square), float(model.offset_))
    return Answer(at_least(graph, score, 0.0), scores=score)


@predicts(LocalOutlierFactor)
def predict_density(graph: Graph, model: LocalOutlierFactor, columns: Sequence[Column]) -> Answer:
    """Compare the density around a row with that around its neighbors."""
    nearest, neighbors = choose_nearest(graph, model, columns, model.n_neighbors_)
    distances = true_distances(graph, nearest, metric_of(model))
    # Neighbors that are closer than their own k-th neighbor count as far as that one.
    reach = np.asarray(model._distances_fit_X_[:, model.n_neighbors_ - 1], dtype=np.float64)
    apart = graph.op("Max", distances, graph.op("Gather", reach, neighbors))
    mean = graph.op("ReduceMean", apart, np.array([1]), keepdims=1)
    density = graph.op("Div", 1.0, graph.op("Add", mean, _LEAST))
    theirs = graph.op("Gather", np.asarray(model._lrd, dtype=np.float64), neighbors)  # noqa: SLF001
    ratio = graph.op("ReduceMean", graph.op("Div", theirs, density), np.array([1]), keepdims=1)
    score = graph.op("Sub", graph.op("Neg", ratio), float(model.offset_))
    return Answer(at_least(graph, score, 0.0), scores=score)
