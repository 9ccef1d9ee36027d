"""Transformers of numbers: scaling, quantiles, polynomials, projections."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats  # type: ignore[import-untyped]
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms
from exporter.conversion.numbers import array_functions  # noqa: F401 - registers what it writes
from exporter.conversion.numbers.frames import trace_frame
from exporter.conversion.numbers.functions import normal_quantile
from exporter.conversion.numbers.tracing import UntraceableError, trace
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph

_NEAR = 1e-7  # scikit-learn's BOUNDS_THRESHOLD
_EPS = float(np.spacing(1.0))
LEAST_NORM = float(np.nextafter(10 * _EPS, 0))  # scikit-learn takes up to this for zero


@transforms(StandardScaler, RobustScaler, MaxAbsScaler)
def transform_scaler(graph: Graph, scaler: Any, columns: Sequence[Column]) -> list[Column]:
    """Subtract the center and divide by the scale, in scikit-learn's order."""
    values = graph.matrix(columns)
    center = getattr(scaler, "mean_" if isinstance(scaler, StandardScaler) else "center_", None)
    centered = getattr(scaler, "with_mean", getattr(scaler, "with_centering", True))
    scaled = getattr(scaler, "with_std", getattr(scaler, "with_scaling", True))
    center = np.asarray(center, float) if centered and center is not None else None
    scale = np.asarray(scaler.scale_, float) if scaled and scaler.scale_ is not None else None
    if graph.real == "float32" and center is not None and scale is not None:
        offset, factor = center.tolist(), (1 / scale).tolist()  # one step instead of two
        values = graph.op("Scaler", values, domain="ai.onnx.ml", offset=offset, scale=factor)
    elif scale is not None and id(scaler) in graph.given.sparse:
        values = graph.op("Mul", values, 1 / scale)
    else:
        values = values if center is None else graph.op("Sub", values, center)
        values = values if scale is None else graph.op("Div", values, scale)
    if getattr(scaler, "clip", False):
        values = graph.op("Clip", values, -1.0, 1.0)
    return _like(columns, values)


@transforms(MinMaxScaler)
def transform_range(graph: Graph, scaler: MinMaxScaler, columns: Sequence[Column]) -> list[Column]:
    """Scale each column to a range."""
    product = graph.op("Mul", graph.matrix(columns), np.asarray(scaler.scale_, dtype=np.float64))
    values = graph.op("Add", product, np.asarray(scaler.min_, dtype=np.float64))
    if scaler.clip:
        low, high = map(float, scaler.feature_range)
        values = graph.op("Clip", values, low, high)
    return _like(columns, values)


@transforms(QuantileTransformer)
def transform_quantiles(
    graph: Graph, transformer: QuantileTransformer, columns: Sequence[Column]
) -> list[Column]:
    """Interpolate from both sides and average, like scikit-learn, because quantiles may repeat."""
    values = graph.matrix(columns)
    levels = np.asarray(transformer.references_, dtype=np.float64)
    normal = transformer.output_distribution == "normal"
    parts = []
    for index, quantiles in enumerate(np.asarray(transformer.quantiles_, dtype=np.float64).T):
        given = graph.gather(values, [index])
        up = interpolate(graph, given, quantiles, levels)
        down = interpolate(graph, graph.op("Neg", given), -quantiles[::-1], -levels[::-1])
        mean = graph.op("Mul", graph.op("Sub", up, down), 0.5)
        for bound, level, side in ((quantiles[-1], 1.0, 1), (quantiles[0], 0.0, -1)):
            at_bound = _is_bound(graph, given, bound, side if normal else 0)
            mean = graph.op("Where", at_bound, level, mean)
        mean = _normal(graph, mean) if normal else mean
        parts.append(graph.op("Where", graph.op("IsNaN", given), given, mean))
    return _like(columns, graph.concat(parts))


def _is_bound(graph: Graph, given: str, bound: float, side: int) -> str:
    # For a normal output distribution, values close to a bound count as the bound.
    if side > 0:
        return graph.op("Greater", graph.op("Add", given, _NEAR), bound)
    if side < 0:
        return graph.op("Less", graph.op("Sub", given, _NEAR), bound)
    return graph.op("Equal", given, bound)


def _normal(graph: Graph, shares: str) -> str:
    low, high = (stats.norm.ppf(s) for s in (_NEAR - _EPS, 1 - (_NEAR - _EPS)))
    inner = graph.op("Clip", shares, _NEAR / 100, 1 - _NEAR / 100)
    return graph.op("Clip", normal_quantile(graph, inner), float(low), float(high))


def interpolate(graph: Graph, given: str, at: Any, levels: Any) -> str:
    """Interpolate like ``numpy.interp``: from the last point below, along the slope after it."""
    rise = np.append(np.diff(levels), 0.0)
    run = np.append(np.diff(at), 0.0)
    slopes = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    reached = graph.cast(graph.op("GreaterOrEqual", given, at.reshape(1, -1)), np.int64)
    count = graph.op("ReduceSum", reached, np.array([1]), keepdims=1)
    index = graph.op("Max", graph.op("Sub", count, np.array(1)), np.array(0))
    start, level, slope = (graph.op("Gather", v, index, axis=0) for v in (at, levels, slopes))
    step = graph.op("Sub", graph.op("Max", given, at[:1]), start)
    return graph.op("Add", graph.op("Mul", slope, step), level)


@transforms(Normalizer)
def transform_normalizer(
    graph: Graph, normalizer: Normalizer, columns: Sequence[Column]
) -> list[Column]:
    """Divide each row by its norm."""
    least = 0.0 if id(normalizer) in graph.given.sparse else LEAST_NORM
    return _like(columns, normalize(graph, graph.matrix(columns), normalizer.norm, least))


@transforms(Binarizer)
def transform_binarizer(
    graph: Graph, binarizer: Binarizer, columns: Sequence[Column]
) -> list[Column]:
    """Return 1 for values above the threshold, else 0."""
    above = graph.op("Greater", graph.matrix(columns), float(binarizer.threshold))
    return _like(columns, graph.to_real(above))


@transforms(FunctionTransformer)
def transform_function(
    graph: Graph, transformer: FunctionTransformer, columns: Sequence[Column]
) -> list[Column]:
    """Apply a function of arrays or DataFrames that can be traced, or none."""
    function, options = transformer.func, transformer.kw_args or {}
    if function is None:
        return list(columns)
    names = getattr(transformer, "feature_names_in_", None)
    try:
        if names is not None and not transformer.validate:  # it was fitted on a DataFrame
            return trace_frame(graph, function, columns, list(names), options)
        traced = trace(graph, function, (graph.matrix(columns), _width(columns)), options)
    except UntraceableError as error:
        name = getattr(function, "__name__", "its function")
        raise ConversionError(
            f"FunctionTransformer calls {name}, which ONNX does not support, because {error}. You "
            "can do that to X before fit() and publish()"
        ) from None
    return [Column(traced[0], "real", traced[1])]


@transforms(PolynomialFeatures)
def transform_polynomial(
    graph: Graph, polynomial: PolynomialFeatures, columns: Sequence[Column]
) -> list[Column]:
    """Multiply columns with each other, degree by degree like scikit-learn."""
    values = graph.matrix(columns)
    low, high = polynomial._min_degree, polynomial._max_degree  # noqa: SLF001 - after checks
    choose = combinations if polynomial.interaction_only else combinations_with_replacement
    terms = [t for d in range(1, high + 1) for t in choose(range(_width(columns)), d)]
    parts: dict[int, str] = {1: values}
    for degree in range(2, high + 1):
        rest = [t for t in terms if len(t) == degree]
        before = {t: i for i, t in enumerate(t for t in terms if len(t) == degree - 1)}
        left = graph.gather(values, [t[0] for t in rest])
        right = graph.gather(parts[degree - 1], [before[t[1:]] for t in rest])
        parts[degree] = graph.op("Mul", left, right)
    names = [parts[d] for d in range(max(low, 1), high + 1)]
    if polynomial.include_bias:
        first = graph.gather(values, [0])
        names.insert(0, graph.op("Add", graph.op("Mul", first, 0.0), 1.0))
    return [Column(graph.concat(names), "real", int(polynomial.n_output_features_))]


@transforms(PCA, IncrementalPCA, TruncatedSVD)
def transform_projection(graph: Graph, model: Any, columns: Sequence[Column]) -> list[Column]:
    """Project on the components."""
    components = np.asarray(model.components_, dtype=np.float64)
    values = graph.op("MatMul", graph.matrix(columns), components.T)
    mean = getattr(model, "mean_", None)
    if mean is not None:
        values = graph.op("Sub", values, np.asarray(mean @ components.T, dtype=np.float64)[None, :])
    if getattr(model, "whiten", False):
        scale = np.sqrt(model.explained_variance_)
        values = graph.op("Div", values, np.maximum(scale, np.finfo(scale.dtype).eps)[None, :])
    return [Column(values, "real", len(components))]


def normalize(graph: Graph, values: str, norm: str, least: float = 0.0) -> str:
    """Divide each row by its norm; rows whose norm is at most ``least`` stay as they are."""
    if norm == "l2":
        length = graph.op("Sqrt", graph.total(graph.op("Mul", values, values)))
    elif norm == "l1":
        length = graph.total(graph.op("Abs", values))
    else:
        length = graph.op("ReduceMax", graph.op("Abs", values), np.array([1]), keepdims=1)
    empty = graph.op("LessOrEqual", length, least)
    return graph.op("Div", values, graph.op("Where", empty, 1.0, length))


def _like(columns: Sequence[Column], name: str) -> list[Column]:
    return [Column(name, "real", _width(columns))]


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns)
