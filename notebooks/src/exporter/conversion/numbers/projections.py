"""Transformers that project rows."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.cluster import FeatureAgglomeration
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import FactorAnalysis, MiniBatchSparsePCA, SparsePCA
from sklearn.kernel_approximation import AdditiveChi2Sampler, SkewedChi2Sampler
from sklearn.neural_network import BernoulliRBM
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


@transforms(
    CCA,
    FactorAnalysis,
    FeatureAgglomeration,
    GaussianRandomProjection,
    MiniBatchSparsePCA,
    PLSCanonical,
    PLSRegression,
    PLSSVD,
    SparsePCA,
    SparseRandomProjection,
)
def transform_affine(graph: Graph, model: Any, columns: Sequence[Column]) -> list[Column]:
    """Multiply by a matrix and add an offset; both come from transforming the unit vectors."""
    if isinstance(model, FeatureAgglomeration) and model.pooling_func is not np.mean:
        raise ConversionError(
            "FeatureAgglomeration pools by a function that ONNX does not support: "
            "use pooling_func=np.mean"
        )
    width = sum(column.width for column in columns)
    offset = _rows(model, np.zeros((2, width)))[:1]  # some return another shape for a single row
    matrix = _rows(model, np.eye(width)) - offset
    product = graph.op("MatMul", graph.matrix(columns), matrix)
    return [Column(graph.op("Add", product, offset), "real", offset.shape[1])]


@transforms(BernoulliRBM)
def transform_hidden(graph: Graph, model: BernoulliRBM, columns: Sequence[Column]) -> list[Column]:
    """Return the probability that each hidden unit is on."""
    weights = np.asarray(model.components_, dtype=np.float64)
    offset = np.asarray(model.intercept_hidden_, dtype=np.float64)
    line = graph.op("Add", graph.op("MatMul", graph.matrix(columns), weights.T), offset)
    return [Column(graph.op("Sigmoid", line), "real", len(weights))]


@transforms(SkewedChi2Sampler)
def transform_skewed(
    graph: Graph, model: SkewedChi2Sampler, columns: Sequence[Column]
) -> list[Column]:
    """Compute random Fourier features of the logarithms."""
    weights = np.asarray(model.random_weights_, dtype=np.float64)
    offset = np.asarray(model.random_offset_, dtype=np.float64)
    logs = graph.op("Log", graph.op("Add", graph.matrix(columns), float(model.skewedness)))
    waves = graph.op("Cos", graph.op("Add", graph.op("MatMul", logs, weights), offset))
    count = weights.shape[1]
    return [Column(graph.op("Mul", waves, float(np.sqrt(2 / count))), "real", count)]


@transforms(AdditiveChi2Sampler)
def transform_additive(
    graph: Graph, model: AdditiveChi2Sampler, columns: Sequence[Column]
) -> list[Column]:
    """Sample the kernel at ``sample_steps`` points; 0 stays 0."""
    values = graph.matrix(columns)
    width = sum(column.width for column in columns)
    interval = model.sample_interval
    if interval is None:
        interval = {1: 0.8, 2: 0.5, 3: 0.4}[model.sample_steps]
    none = graph.op("Equal", values, 0.0)
    safe = graph.op("Where", none, 1.0, values)
    parts = [graph.op("Sqrt", graph.op("Mul", values, float(interval)))]
    logs, step = graph.op("Mul", graph.op("Log", safe), float(interval)), graph.op("Mul", safe, 2.0)
    for order in range(1, model.sample_steps):
        scale = float(interval / np.cosh(np.pi * order * interval))
        factor = graph.op("Sqrt", graph.op("Mul", step, scale))
        angle = graph.op("Mul", logs, float(order))
        for wave in ("Cos", "Sin"):
            part = graph.op("Mul", factor, graph.op(wave, angle))
            parts.append(graph.op("Where", none, 0.0, part))
    return [Column(graph.concat(parts), "real", width * len(parts))]


def _rows(model: Any, rows: Any) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of columns
        return dense(model.transform(rows))
