"""The operators of pandas as methods: ``df.div(df["total"], axis=0)`` and the like."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.numbers.tracing import UntraceableError

if TYPE_CHECKING:
    from collections.abc import Callable

_ROWS = (0, "index")
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}
_ALIASES = {"truediv": "div", "multiply": "mul", "divide": "div", "subtract": "sub"}
_COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne")


def add_methods(kind: type[Any]) -> type[Any]:
    """Give a class the methods of pandas that do what its operators do."""
    for name, apply in _OPERATORS.items():
        setattr(kind, name, _method(apply))
        if name not in _COMPARISONS:
            setattr(kind, f"r{name}", _method(_reflected(apply)))
    for alias, name in _ALIASES.items():
        setattr(kind, alias, getattr(kind, name))
    kind.rtruediv = kind.rdiv
    return kind


def _reflected(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda own, other: apply(other, own)


def _method(apply: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def method(self: Any, other: Any, axis: Any = "columns", **options: Any) -> Any:
        given = {name: value for name, value in options.items() if value is not None}
        if given:
            raise UntraceableError(f"the option {next(iter(given))} of a method is used")
        by_rows = getattr(self, "by_rows", None)
        if by_rows is not None and axis in _ROWS and getattr(other, "is_flat", False):
            return by_rows(apply, other)
        return apply(self, other)

    return method


def round_half_even(values: Any, decimals: int = 0) -> Any:
    """Round as NumPy does: scaled by a power of ten, to the even neighbor."""
    if not decimals:
        return np.rint(values)
    factor = 10.0 ** abs(decimals)
    return np.rint(values * factor) / factor if decimals > 0 else np.rint(values / factor) * factor
