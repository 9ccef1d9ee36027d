"""Regressors on several targets, and on targets that were transformed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predict, predicts
from exporter.conversion.numbers.functions import normal_share
from exporter.conversion.numbers.scaling import interpolate
from exporter.conversion.numbers.tracing import UntraceableError, trace
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.conversion.graph.builder import Graph

_NEAR = 1e-7  # scikit-learn's BOUNDS_THRESHOLD
_EPS = float(np.spacing(1.0))


@predicts(MultiOutputRegressor)
def predict_several(graph: Graph, model: MultiOutputRegressor, columns: Sequence[Column]) -> Answer:
    """Put the values side by side."""
    values = [predict(graph, e, columns).need_value() for e in model.estimators_]
    return Answer(value=graph.concat(values))


@predicts(RegressorChain)
def predict_chain(graph: Graph, model: RegressorChain, columns: Sequence[Column]) -> Answer:
    """Give each estimator the values of those before it."""
    values: list[str] = []
    known = list(columns)
    for estimator in model.estimators_:
        values.append(predict(graph, estimator, known).need_value())
        known.append(Column(values[-1], "real", 1))
    order = np.argsort(model.order_)
    return Answer(value=graph.gather(graph.concat(values), order.tolist()))


@predicts(TransformedTargetRegressor)
def predict_transformed(
    graph: Graph, model: TransformedTargetRegressor, columns: Sequence[Column]
) -> Answer:
    """Turn the value back."""
    value = predict(graph, model.regressor_, columns).need_value()
    return Answer(value=_turn_back(graph, model.transformer_, value))


def _turn_back(graph: Graph, transformer: Any, value: str) -> str:
    if isinstance(transformer, Pipeline):
        for _, step in reversed(transformer.steps):
            value = _turn_back(graph, step, value)
        return value
    if transformer is None or transformer == "passthrough":
        return value
    inverse = _INVERSES.get(type(transformer))
    if inverse is None:
        raise ConversionError(
            f"TransformedTargetRegressor turns its values back by {type(transformer).__name__}, "
            f"which cannot be written as ONNX: use {_names()}"
        )
    return inverse(graph, transformer, value)


def _unscale(graph: Graph, scaler: Any, value: str) -> str:
    center = getattr(scaler, "mean_" if isinstance(scaler, StandardScaler) else "center_", None)
    centered = getattr(scaler, "with_mean", getattr(scaler, "with_centering", True))
    scaled = getattr(scaler, "with_std", getattr(scaler, "with_scaling", True))
    if scaled and scaler.scale_ is not None:
        value = graph.op("Mul", value, np.asarray(scaler.scale_, dtype=np.float64))
    if centered and center is not None:
        value = graph.op("Add", value, np.asarray(center, dtype=np.float64))
    return value


def _unstretch(graph: Graph, scaler: MinMaxScaler, value: str) -> str:
    shifted = graph.op("Sub", value, np.asarray(scaler.min_, dtype=np.float64))
    return graph.op("Div", shifted, np.asarray(scaler.scale_, dtype=np.float64))


def _uncall(graph: Graph, transformer: FunctionTransformer, value: str) -> str:
    inverse = transformer.inverse_func
    if inverse is None:
        return value
    width = transformer.n_features_in_
    try:
        return trace(graph, inverse, (value, width), transformer.inv_kw_args or {})[0]
    except UntraceableError as error:
        name = getattr(inverse, "__name__", "a function")
        raise ConversionError(
            f"TransformedTargetRegressor calls {name}, which ONNX does not support, because "
            f"{error}: pass one of NumPy's own functions as inverse_func, such as np.expm1"
        ) from None


def _unpower(graph: Graph, transformer: PowerTransformer, value: str) -> str:
    if transformer.standardize:
        value = _unscale(graph, transformer._scaler, value)  # noqa: SLF001 - has no public name
    inverse = _unbox if transformer.method == "box-cox" else _unjohnson
    each = [
        inverse(graph, graph.gather(value, [place]), float(power))
        for place, power in enumerate(transformer.lambdas_)
    ]
    return graph.concat(each)


def _unbox(graph: Graph, value: str, power: float) -> str:
    if power == 0:
        return graph.op("Exp", value)
    line = graph.op("Add", graph.op("Mul", value, power), 1.0)
    return graph.op("Pow", line, 1 / power)


def _unjohnson(graph: Graph, value: str, power: float) -> str:
    up, down = graph.op("Max", value, 0.0), graph.op("Min", value, 0.0)
    if abs(power) < _EPS:
        above = graph.op("Sub", graph.op("Exp", up), 1.0)
    else:
        above = graph.op("Sub", _unbox(graph, up, power), 1.0)
    if abs(power - 2) > _EPS:
        below = graph.op("Sub", 1.0, _unbox(graph, graph.op("Neg", down), 2 - power))
    else:
        below = graph.op("Sub", 1.0, graph.op("Exp", graph.op("Neg", down)))
    return graph.op("Where", graph.op("GreaterOrEqual", value, 0.0), above, below)


def _unrank(graph: Graph, transformer: QuantileTransformer, value: str) -> str:
    levels = np.asarray(transformer.references_, dtype=np.float64)
    normal = transformer.output_distribution == "normal"
    shares = normal_share(graph, value) if normal else value
    each = []
    for place, quantiles in enumerate(np.asarray(transformer.quantiles_, dtype=np.float64).T):
        share = graph.gather(shares, [place])
        found = interpolate(graph, share, levels, quantiles)
        margin = _NEAR if normal else 0.0
        if normal:
            high = graph.op("Greater", graph.op("Add", share, margin), 1.0)
            low = graph.op("Less", graph.op("Sub", share, margin), 0.0)
            found = graph.op("Where", high, float(quantiles[-1]), found)
            found = graph.op("Where", low, float(quantiles[0]), found)
        each.append(found)
    return graph.concat(each)


_INVERSES: dict[type[Any], Callable[[Graph, Any, str], str]] = {
    StandardScaler: _unscale,
    RobustScaler: _unscale,
    MaxAbsScaler: _unscale,
    MinMaxScaler: _unstretch,
    FunctionTransformer: _uncall,
    PowerTransformer: _unpower,
    QuantileTransformer: _unrank,
}


def _names() -> str:
    return ", ".join(kind.__name__ for kind in _INVERSES)
