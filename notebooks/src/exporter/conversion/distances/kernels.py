"""Support vector machines and other kernel models."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import KernelPCA
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.semi_supervised import LabelPropagation, LabelSpreading
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from exporter.conversion.distances.metrics import cosines
from exporter.conversion.graph import fallback
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predicts, transforms
from exporter.conversion.graph.scores import largest
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph

_INT64 = 7


@predicts(SVR, NuSVR)
def predict_support_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the weighted sum of the kernel with each support vector."""
    weights = dense(model.dual_coef_)
    kernel = kernel_of(graph, model, columns)
    return Answer(value=graph.op("Gemm", kernel, weights, model.intercept_, transB=1))


@predicts(KernelRidge)
def predict_kernel_ridge(graph: Graph, model: KernelRidge, columns: Sequence[Column]) -> Answer:
    """Return the weighted sum of the kernel with each training row."""
    rows = dense(model.X_fit_)
    gamma = 1 / rows.shape[1] if model.gamma is None else float(model.gamma)
    kernel = _similarity(
        graph, columns, rows, (str(model.kernel), (gamma, model.coef0, model.degree))
    )
    weights = dense(model.dual_coef_)
    return Answer(value=graph.op("MatMul", kernel, weights.reshape(len(weights), -1)))


@predicts(SVC, NuSVC)
def predict_support_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Decide between each pair of classes, and count the votes like libsvm."""
    count = len(model.classes_)
    kernel = kernel_of(graph, model, columns)
    weights = _pair_weights(model)
    pairs = graph.op("Gemm", kernel, weights, model.intercept_, transB=1)
    probabilities = None
    if hasattr(model, "predict_proba"):
        probabilities = fallback.predict(graph, model, columns).probabilities
    if count == 2:
        reached = graph.op("Cast", graph.op("GreaterOrEqual", pairs, 0.0), to=_INT64)
        index = graph.op("Reshape", reached, np.array([-1]))
        return Answer(index, probabilities, pairs)
    first = np.array([[i == a for i in range(count)] for a, _ in combinations(range(count), 2)])
    second = np.array([[i == b for i in range(count)] for _, b in combinations(range(count), 2)])
    signs = second.astype(np.float64) - first
    votes = _votes(graph, graph.op("Greater", pairs, 0.0), first, second)
    # A decision of exactly 0 counts for the first class in decision_function, and for the second
    # in predict.
    lenient = _votes(graph, graph.op("GreaterOrEqual", pairs, 0.0), first, second)
    summed = graph.op("MatMul", graph.op("Neg", pairs), signs)
    size = graph.op("Mul", graph.op("Add", graph.op("Abs", summed), 1.0), 3.0)
    scores = graph.op("Add", lenient, graph.op("Div", summed, size))
    by_score = model.break_ties and model.decision_function_shape == "ovr"
    index = largest(graph, scores if by_score else votes)
    return Answer(index, probabilities, scores if model.decision_function_shape == "ovr" else pairs)


def _votes(graph: Graph, first_wins: str, first: Any, second: Any) -> str:
    won = graph.op("MatMul", graph.to_real(first_wins), first.astype(np.float64))
    lost = graph.op("MatMul", graph.to_real(graph.op("Not", first_wins)), second.astype(np.float64))
    return graph.op("Add", won, lost)


def _pair_weights(model: Any) -> Any:
    """Return the weight of each support vector in the decision of each pair of classes."""
    dual = dense(model.dual_coef_)
    if len(model.classes_) == 2:
        return dual
    ends = np.cumsum(model.n_support_)
    ranges = [slice(end - n, end) for end, n in zip(ends, model.n_support_, strict=True)]
    pairs = list(combinations(range(len(ranges)), 2))
    weights = np.zeros((len(pairs), dual.shape[1]))
    for row, (a, b) in enumerate(pairs):
        weights[row, ranges[a]] = dual[b - 1, ranges[a]]
        weights[row, ranges[b]] = dual[a, ranges[b]]
    return weights


@predicts(LabelPropagation, LabelSpreading)
def predict_spread(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the average of all rows' labels, weighted by the kernel."""
    if model.kernel != "rbf":
        raise ConversionError(
            f"{type(model).__name__} with a kernel other than 'rbf' cannot be written as ONNX: "
            "use kernel='rbf'"
        )
    kernel = _similarity(graph, columns, dense(model.X_), ("rbf", (float(model.gamma), 0, 0)))
    sums = graph.op("MatMul", kernel, np.asarray(model.label_distributions_, dtype=np.float64))
    return Answer(largest(graph, sums), graph.op("Div", sums, graph.total(sums)))


@transforms(Nystroem)
def transform_nystroem(graph: Graph, model: Nystroem, columns: Sequence[Column]) -> list[Column]:
    """Project the kernel with each landmark."""
    vectors = dense(model.components_)
    usual: dict[str, float] = {"gamma": 1 / vectors.shape[1], "coef0": 1, "degree": 3}
    own = {name: getattr(model, name) for name in usual if getattr(model, name) is not None}
    options = {**usual, **(model.kernel_params or {}), **own}
    numbers = (float(options["gamma"]), options["coef0"], options["degree"])
    kernel = _similarity(graph, columns, vectors, (str(model.kernel), numbers))
    projected = graph.op("MatMul", kernel, np.asarray(model.normalization_, dtype=float).T)
    return [Column(projected, "real", len(vectors))]


@transforms(KernelPCA)
def transform_kernel_components(
    graph: Graph, model: KernelPCA, columns: Sequence[Column]
) -> list[Column]:
    """Project the kernel with each training row, which is centered in the same step."""
    rows, values = dense(model.X_fit_), np.asarray(model.eigenvalues_, dtype=np.float64)
    numbers = (float(model.gamma_), model.coef0, model.degree)
    kernel = _similarity(graph, columns, rows, (str(model.kernel), numbers))
    scale = np.divide(1.0, np.sqrt(values), out=np.zeros_like(values), where=values != 0)
    directions = np.asarray(model.eigenvectors_, dtype=np.float64) * scale
    centerer = model._centerer  # noqa: SLF001 - has no public name
    offset = (centerer.K_fit_all_ - centerer.K_fit_rows_) @ directions
    projected = graph.op("Gemm", kernel, directions - directions.mean(axis=0), offset)
    return [Column(projected, "real", len(values))]


@transforms(RBFSampler)
def transform_sampler(graph: Graph, model: RBFSampler, columns: Sequence[Column]) -> list[Column]:
    """Compute random Fourier features."""
    weights = np.asarray(model.random_weights_, dtype=np.float64)
    product = graph.op("MatMul", graph.matrix(columns), weights)
    waves = graph.op("Cos", graph.op("Add", product, np.asarray(model.random_offset_, float)))
    count = weights.shape[1]
    return [Column(graph.op("Mul", waves, float(np.sqrt(2 / count))), "real", count)]


def kernel_of(graph: Graph, model: Any, columns: Sequence[Column]) -> str:
    """Return the kernel between rows and support vectors, ``[rows, vectors]``."""
    vectors = dense(model.support_vectors_)
    gamma = float(model._gamma)  # noqa: SLF001 - "scale" and "auto" are resolved only there
    numbers = (gamma, model.coef0, model.degree)
    return _similarity(graph, columns, vectors, (str(model.kernel), numbers))


def _similarity(
    graph: Graph,
    columns: Sequence[Column],
    vectors: np.ndarray[Any, Any],
    kernel: tuple[str, tuple[float, float, float]],
) -> str:
    kind, (gamma, coef0, degree) = kernel
    values = graph.matrix(columns)
    if kind == "cosine":
        return cosines(graph, values, vectors)
    product = graph.op("MatMul", values, vectors.T)
    if kind == "linear":
        return product
    if kind == "rbf":
        # (x - v)^2, without a tensor of all differences.
        own = graph.total(graph.op("Mul", values, values))
        apart = graph.op("Sub", own, graph.op("Mul", product, 2.0))
        squares = graph.op("Add", apart, (vectors**2).sum(axis=1)[None, :])
        return graph.op("Exp", graph.op("Mul", squares, -gamma))
    if kind in ("poly", "polynomial", "sigmoid"):
        line = graph.op("Add", graph.op("Mul", product, gamma), float(coef0))
        if kind == "sigmoid":
            return graph.op("Tanh", line)
        return graph.op("Pow", line, float(degree))
    raise ConversionError(
        f"a kernel={kind!r} cannot be written as ONNX: use 'rbf', 'linear', 'poly', 'sigmoid' or "
        "'cosine'"
    )
