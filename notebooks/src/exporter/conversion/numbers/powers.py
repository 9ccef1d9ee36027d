"""Power transforms: Box-Cox and Yeo-Johnson."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.preprocessing import PowerTransformer

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transform, transforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph

_EPS = float(np.spacing(1.0))


@transforms(PowerTransformer)
def transform_power(
    graph: Graph, transformer: PowerTransformer, columns: Sequence[Column]
) -> list[Column]:
    """Apply the power transform of each column, then scale."""
    values = graph.matrix(columns)
    write = _box if transformer.method == "box-cox" else _johnson
    each = [
        write(graph, graph.gather(values, [index]), float(power))
        for index, power in enumerate(transformer.lambdas_)
    ]
    made = [Column(graph.concat(each), "real", len(each))]
    if not transformer.standardize:
        return made
    return transform(graph, transformer._scaler, made)  # noqa: SLF001 - has no public name


def _box(graph: Graph, value: str, power: float) -> str:
    """Compute :func:`scipy.special.boxcox`."""
    logarithm = graph.op("Log", value)
    if power == 0:
        return logarithm
    less_one = graph.op("Sub", graph.op("Exp", graph.op("Mul", logarithm, power)), 1.0)
    return graph.op("Div", less_one, power)


def _johnson(graph: Graph, value: str, power: float) -> str:
    """Compute the Yeo-Johnson transform, Biometrika 87 (2000); negative values are mirrored."""
    up, down = graph.op("Max", value, 0.0), graph.op("Min", value, 0.0)
    above = _raise(graph, up, power)
    below = graph.op("Neg", _raise(graph, graph.op("Neg", down), 2 - power))
    return graph.op("Where", graph.op("GreaterOrEqual", value, 0.0), above, below)


def _raise(graph: Graph, value: str, power: float) -> str:
    line = graph.op("Add", value, 1.0)
    if abs(power) < _EPS:
        return graph.op("Log", line)
    return graph.op("Div", graph.op("Sub", graph.op("Pow", line, power), 1.0), power)
