"""Gaussian processes for classification, and their kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular  # type: ignore[import-untyped]
from sklearn.gaussian_process import GaussianProcessClassifier, kernels
from sklearn.gaussian_process._gpc import (
    COEFS,
    LAMBDAS,
    _BinaryGaussianProcessClassifierLaplace,
)

from exporter.conversion.distances.metrics import Metric, reduced_distances
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predict, predicts
from exporter.conversion.graph.scores import above, two_sided
from exporter.conversion.numbers.functions import error_function
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column


@predicts(GaussianProcessClassifier)
def predict_process(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the answer of the base estimator: for two classes, or one-vs-rest for several."""
    answer = predict(graph, model.base_estimator_, columns)
    if model.n_classes_ > 2 and model.multi_class == "one_vs_one":
        raise ConversionError(
            "GaussianProcessClassifier(multi_class='one_vs_one') has no probabilities: "
            "use 'one_vs_rest'"
        )
    return answer


@predicts(_BinaryGaussianProcessClassifierLaplace)
def predict_laplace(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Compute Laplace's approximation; sources: scikit-learn, and GPML, algorithm 3.2."""
    values, rows = graph.matrix(columns), np.asarray(model.X_train_, dtype=np.float64)
    similarity, own = _write(graph, model.kernel_, values, rows)
    mean = graph.op("MatMul", similarity, (model.y_train_ - model.pi_)[:, None])
    root = solve_triangular(model.L_, np.diag(model.W_sr_), lower=True)
    part = graph.op("MatMul", similarity, root.T)
    variance = graph.op("Sub", own, graph.total(graph.op("Mul", part, part)))
    steps, shares = np.ravel(LAMBDAS)[None, :], np.ravel(COEFS)[None, :]
    # sqrt(pi / alpha) / (2 sqrt(2 pi variance)) is 1 / 2, with alpha = 1 / (2 variance).
    spread = graph.op("Add", graph.op("Mul", variance, 2.0 * steps**2), 1.0)
    each = error_function(
        graph, graph.op("Div", graph.op("Mul", mean, steps), graph.op("Sqrt", spread))
    )
    summed = graph.total(graph.op("Mul", each, 0.5 * shares))
    positive = graph.op("Add", summed, 0.5 * float(shares.sum()))
    return Answer(above(graph, mean, 0.0), two_sided(graph, positive))


def _write(graph: Graph, kernel: Any, values: str, rows: Any) -> tuple[str, str]:
    """Return the kernel between rows and fitted rows, and of each row with itself: ``[rows, 1]``.

    Raises:
        ConversionError: The kernel cannot be written.
    """
    if isinstance(kernel, (kernels.Sum, kernels.Product)):
        pairs = [_write(graph, part, values, rows) for part in (kernel.k1, kernel.k2)]
        join = "Add" if isinstance(kernel, kernels.Sum) else "Mul"
        return (
            graph.op(join, *(across for across, _ in pairs)),
            graph.op(join, *(own for _, own in pairs)),
        )
    if isinstance(kernel, kernels.Exponentiation):
        power = float(kernel.exponent)
        across, own = _write(graph, kernel.kernel, values, rows)
        return graph.op("Pow", across, power), graph.op("Pow", own, power)
    zero = graph.op("Mul", graph.gather(values, [0]), 0.0)
    if isinstance(kernel, (kernels.ConstantKernel, kernels.WhiteKernel)):
        constant = isinstance(kernel, kernels.ConstantKernel)
        level = float(kernel.constant_value if constant else kernel.noise_level)
        flat = graph.op("Add", zero, np.full((1, len(rows)), level if constant else 0.0))
        return flat, graph.op("Add", zero, level)
    if type(kernel) is kernels.DotProduct:
        offset = float(kernel.sigma_0) ** 2
        square = graph.total(graph.op("Mul", values, values))
        product = graph.op("MatMul", values, rows.T)
        return graph.op("Add", product, offset), graph.op("Add", square, offset)
    return _of_distance(graph, kernel, values, rows), graph.op("Add", zero, 1.0)


def _of_distance(graph: Graph, kernel: Any, values: str, rows: Any) -> str:
    kind = type(kernel)
    if kind not in (kernels.RBF, kernels.Matern, kernels.RationalQuadratic):
        raise ConversionError(
            f"a Gaussian process with the kernel {kind.__name__} cannot be written as ONNX: "
            "use RBF, Matern or RationalQuadratic"
        )
    scale = np.broadcast_to(np.asarray(kernel.length_scale, dtype=float), (rows.shape[1],))
    scaled = graph.op("Div", values, scale[None, :])
    squares = reduced_distances(graph, scaled, rows / scale, Metric("euclidean"))
    if kind is kernels.RationalQuadratic:
        base = graph.op("Add", graph.op("Div", squares, 2.0 * float(kernel.alpha)), 1.0)
        return graph.op("Pow", base, -float(kernel.alpha))
    if kind is kernels.RBF or kernel.nu == np.inf:
        return graph.op("Exp", graph.op("Mul", squares, -0.5))
    if kernel.nu not in (0.5, 1.5, 2.5):
        raise ConversionError(
            f"a Matern kernel with nu={kernel.nu} cannot be written as ONNX: use 0.5, 1.5 or 2.5"
        )
    apart = graph.op("Mul", graph.op("Sqrt", squares), float(np.sqrt(2 * kernel.nu)))
    falling = graph.op("Exp", graph.op("Neg", apart))
    if kernel.nu == 0.5:
        return falling
    line = graph.op("Add", apart, 1.0)
    if kernel.nu == 2.5:
        line = graph.op("Add", line, graph.op("Div", graph.op("Mul", apart, apart), 3.0))
    return graph.op("Mul", line, falling)
