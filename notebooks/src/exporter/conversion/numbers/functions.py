"""NumPy's functions and those of the normal distribution as ONNX operators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import chebyshev
from scipy import special  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.conversion.graph.builder import Graph

_DEGREE = 30
_NEAR_ZERO = 0.5  # up to here, the error function is written as a Taylor series
_TERMS = 14
_TAYLOR = [
    2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1))
    for n in reversed(range(_TERMS))
]  # highest power first
_OPERATORS = {
    np.abs: "Abs",
    np.cos: "Cos",
    np.exp: "Exp",
    np.log: "Log",
    np.negative: "Neg",
    np.reciprocal: "Reciprocal",
    np.sign: "Sign",
    np.sin: "Sin",
    np.sqrt: "Sqrt",
    np.tanh: "Tanh",
}
_SEVERAL: dict[Any, Callable[[Graph, str], str]] = {
    np.log2: lambda graph, x: graph.op("Div", graph.op("Log", x), float(np.log(2))),
    np.log10: lambda graph, x: graph.op("Div", graph.op("Log", x), float(np.log(10))),
    np.exp2: lambda graph, x: graph.op("Pow", 2.0, x),
    np.expm1: lambda graph, x: graph.op("Sub", graph.op("Exp", x), 1.0),
    np.log1p: lambda graph, x: graph.op("Log", graph.op("Add", x, 1.0)),
    np.square: lambda graph, x: graph.op("Mul", x, x),
}

# Wichura, Algorithm AS241 (1988), as in Python's statistics module; highest power first.
_CENTRE = (
    [
        2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
        13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080,
    ],
    [
        5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
        5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0,
    ],
)  # fmt: skip
_TAIL = (
    [
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
        1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
        4.63033784615654529590, 1.42343711074968357734,
    ],
    [
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
        1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
        2.05319162663775882187, 1.0,
    ],
)  # fmt: skip


def apply_function(graph: Graph, function: Any, values: str) -> str | None:
    """Apply one of NumPy's functions; return ``None`` for any other function."""
    if function in _OPERATORS:
        return graph.op(_OPERATORS[function], values)
    write = _SEVERAL.get(function)
    return None if write is None else write(graph, values)


def normal_quantile(graph: Graph, shares: str) -> str:
    """Return the quantiles of the normal distribution, for shares from 1e-10 to 1 - 1e-10."""
    apart = graph.op("Sub", shares, 0.5)
    inner = graph.op("Sub", 0.180625, graph.op("Mul", apart, apart))
    near = graph.op("Mul", _ratio(graph, inner, _CENTRE), apart)
    lower = graph.op("Min", shares, graph.op("Sub", 1.0, shares))
    safe = graph.op("Max", lower, float(np.finfo(graph.dtype).tiny))
    far = graph.op("Sub", graph.op("Sqrt", graph.op("Neg", graph.op("Log", safe))), 1.6)
    outer = graph.op("Mul", _ratio(graph, far, _TAIL), graph.op("Sign", apart))
    central = graph.op("LessOrEqual", graph.op("Abs", apart), 0.425)
    return graph.op("Where", central, near, outer)


def normal_share(graph: Graph, values: str) -> str:
    """Return the share of the normal distribution below each value."""
    inner = error_function(graph, graph.op("Mul", values, float(np.sqrt(0.5))))
    return graph.op("Mul", graph.op("Add", inner, 1.0), 0.5)


def error_function(graph: Graph, values: str) -> str:
    """Return the error function, which onnxruntime has in single precision only.

    ``1 - erf(x)`` is ``exp(-x * x)`` times a smooth function of ``2 / (2 + x)``, which a series of
    Chebyshev polynomials approximates to the last digits. Near 0 that would lose digits, so there
    ``erf(x)`` is ``x`` times a polynomial of ``x * x``.
    """
    size = graph.op("Abs", values)
    at = graph.op("Sub", graph.op("Div", 4.0, graph.op("Add", size, 2.0)), 1.0)
    first, *rest = chebyshev.chebinterpolate(lambda u: special.erfcx(4 / (u + 1) - 2), _DEGREE)
    double = graph.op("Mul", at, 2.0)
    last, before = graph.op("Mul", at, 0.0), graph.op("Mul", at, 0.0)
    for factor in reversed(rest):
        step = graph.op("Sub", graph.op("Mul", double, last), before)
        last, before = graph.op("Add", step, float(factor)), last
    series = graph.op("Add", graph.op("Sub", graph.op("Mul", at, last), before), float(first))
    falling = graph.op("Exp", graph.op("Neg", graph.op("Mul", size, size)))
    above = graph.op("Sub", 1.0, graph.op("Mul", falling, series))
    far = graph.op("Mul", graph.op("Sign", values), above)
    square = graph.op("Min", graph.op("Mul", values, values), _NEAR_ZERO**2)
    near = graph.op("Mul", values, _polynomial(graph, square, _TAYLOR))
    return graph.op("Where", graph.op("Less", size, _NEAR_ZERO), near, far)


def _ratio(graph: Graph, values: str, sides: tuple[Sequence[float], Sequence[float]]) -> str:
    over, under = (_polynomial(graph, values, side) for side in sides)
    return graph.op("Div", over, under)


def _polynomial(graph: Graph, values: str, factors: Sequence[float]) -> str:
    total = graph.op("Mul", values, float(factors[0]))
    for factor in factors[1:-1]:
        total = graph.op("Mul", graph.op("Add", total, float(factor)), values)
    return graph.op("Add", total, float(factors[-1]))
