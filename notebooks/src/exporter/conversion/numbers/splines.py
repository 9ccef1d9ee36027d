"""Splines: piecewise polynomials between knots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import SplineTransformer

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


@transforms(SplineTransformer)
def transform_splines(
    graph: Graph, model: SplineTransformer, columns: Sequence[Column]
) -> list[Column]:
    """Write the basis of each column, all columns at once, by the recursion of Cox and de Boor."""
    knots = np.array([spline.t for spline in model.bsplines_], dtype=np.float64)
    degree, count = int(model.degree), knots.shape[1]
    used = _degrees(model, len(knots))
    each = range(len(knots))
    first = np.array([[knots[i, used[i]]] for i in each])
    last = np.array([[knots[i, count - used[i] - 1]] for i in each])
    given = graph.op("Unsqueeze", graph.matrix(columns), np.array([2]))
    values = given
    if model.extrapolation == "periodic":
        values = _wrap(graph, given, first, last - first)
    inside = graph.op("Min", graph.op("Max", values, first), last)
    # Outside the range, splines of degree 0 are 0; all others are extrapolated.
    located = values if degree == 0 and model.extrapolation == "constant" else inside
    basis = _locate(graph, located, knots, degree)
    at = values if model.extrapolation == "continue" else inside
    for order in range(1, degree + 1):
        basis = _raise(graph, at, (basis, order), knots)
    if model.extrapolation == "linear":
        basis = _continue(graph, basis, (values, first, last), model)
    elif model.extrapolation == "periodic" and degree:
        head, rest, tail = (
            _cut(graph, basis, *ends) for ends in ((0, degree), (degree, -degree), (-degree, count))
        )
        basis = graph.op("Concat", graph.op("Add", head, tail), rest, axis=2)
    if model.handle_missing == "zeros":
        basis = graph.op("Where", graph.op("IsNaN", given), 0.0, basis)
    if not model.include_bias:
        basis = _cut(graph, basis, 0, -1)
    width = int(model.n_features_out_)
    return [Column(graph.op("Reshape", basis, np.array([-1, width])), "real", width)]


def _locate(graph: Graph, values: str, knots: Any, degree: int) -> str:
    """Mark the interval of each value; the last interval includes its right end."""
    starts, ends = knots[:, :-1], knots[:, 1:]
    index = np.arange(starts.shape[1])
    last = np.broadcast_to(index == starts.shape[1] - degree - 1, starts.shape)
    between = np.broadcast_to((index >= degree) & (index < starts.shape[1] - degree), starts.shape)
    reached = graph.op("GreaterOrEqual", values, starts)
    at_end = graph.op("And", graph.op("Equal", values, ends), last)
    before = graph.op("Or", graph.op("Less", values, ends), at_end)
    return graph.to_real(graph.op("And", graph.op("And", reached, before), between))


def _raise(graph: Graph, values: str, lower: tuple[str, int], knots: Any) -> str:
    """Return the basis of the next degree."""
    basis, order = lower
    span = knots[:, order:] - knots[:, :-order]
    inverse = np.divide(1.0, span, out=np.zeros_like(span), where=span > 0)
    rising = graph.op("Mul", graph.op("Sub", values, knots[:, :-order]), inverse)
    rising = graph.op("Mul", rising, basis)
    falling = graph.op("Mul", graph.op("Sub", knots[:, order:], values), inverse)
    falling = graph.op("Mul", falling, basis)
    kept = knots.shape[1] - order - 1
    return graph.op("Add", _cut(graph, rising, 0, kept), _cut(graph, falling, 1, kept + 1))


def _degrees(model: SplineTransformer, width: int) -> list[int]:
    """Return the degree that scikit-learn uses at the ends of each column.

    For linear extrapolation, scikit-learn raises a degree below 2 with every further column.
    """
    degree = int(model.degree)
    if model.extrapolation != "linear":
        return [degree] * width
    return [min(max(degree, 2), degree + index) for index in range(width)]


def _continue(
    graph: Graph, basis: str, line: tuple[str, Any, Any], model: SplineTransformer
) -> str:
    """Extrapolate along the slopes at the ends, for the same splines as scikit-learn."""
    values, first, last = line
    low = np.array([s(x[0], nu=1) for s, x in zip(model.bsplines_, first, strict=True)])
    high = np.array([s(x[0], nu=1) for s, x in zip(model.bsplines_, last, strict=True)])
    below = graph.op("Mul", graph.op("Min", graph.op("Sub", values, first), 0.0), low)
    above = graph.op("Mul", graph.op("Max", graph.op("Sub", values, last), 0.0), high)
    found = graph.op("Add", basis, graph.op("Add", below, above))
    index = np.arange(low.shape[1])
    counts = np.array([[d if d > 1 else d + 1] for d in _degrees(model, len(low))])
    at_start, at_end = index < counts, index >= low.shape[1] - counts
    under, over = graph.op("Less", values, first), graph.op("Greater", values, last)
    gone = graph.op("And", under, ~at_start), graph.op("And", over, ~at_end)
    return graph.op("Where", graph.op("Or", *gone), 0.0, found)


def _wrap(graph: Graph, values: str, start: Any, period: Any) -> str:
    """Move values into the first period, like Python's modulo, which is never negative."""
    safe = np.where(period > 0, period, 1.0)
    rest = graph.op("Mod", graph.op("Sub", values, start), safe, fmod=1)
    rest = graph.op("Where", graph.op("Less", rest, 0.0), graph.op("Add", rest, safe), rest)
    wrapped = graph.op("Add", rest, start)
    return graph.op("Where", np.broadcast_to(period > 0, period.shape), wrapped, 0.0)


def _cut(graph: Graph, basis: str, start: int, end: int) -> str:
    return graph.op("Slice", basis, np.array([start]), np.array([end]), np.array([2]))
