"""Tracing functions of arrays: each is called with an object that writes what NumPy would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.numbers.functions import apply_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.conversion.graph.builder import Graph

_OPERATORS = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.divide: "Div",
    np.power: "Pow",
    np.float_power: "Pow",
    np.fabs: "Abs",
    np.floor: "Floor",
    np.ceil: "Ceil",
    np.rint: "Round",
}
_COMPARISONS = {
    np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual",
    np.less: "Less",
    np.less_equal: "LessOrEqual",
    np.equal: "Equal",
}
_LOGIC = {
    np.logical_and: "And",
    np.logical_or: "Or",
    np.bitwise_and: "And",
    np.bitwise_or: "Or",
}
_NEGATIONS = (np.logical_not, np.invert)
_BOUNDS = {np.maximum: "Less", np.minimum: "Greater"}


class UntraceableError(TypeError):
    """The function does what has no form in the graph."""


def trace(
    graph: Graph, function: Callable[..., Any], values: tuple[str, int], options: Mapping[str, Any]
) -> tuple[str, int] | None:
    """Write what a function of arrays computes.

    Args:
        graph: Where to write.
        function: Takes an array of shape ``[rows, width]`` and returns such an array.
        values: Name of a tensor of reals, and its width.
        options: Further arguments of the function, by their names.

    Returns:
        Name and width of the result; ``None`` if the function cannot be traced.
    """
    try:
        found = function(Traced(graph, *values), **options)
    except Exception:  # noqa: BLE001 - it was written for arrays, and may raise anything
        return None
    if not isinstance(found, Traced) or found.is_flat:
        return None
    return found.real(), found.width


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is not there yet: NumPy's functions of it become nodes of a graph.

    Args:
        graph: Where to write.
        name: Of the tensor, which has the shape ``[rows, width]``.
        width: Its columns.
        is_flat: Whether the array has the shape ``[rows]``; then the width is 1.
        is_boolean: Whether its values are booleans.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        width: int,
        *,
        is_flat: bool = False,
        is_boolean: bool = False,
    ) -> None:
        self._graph = graph
        self._name = name
        self.width = width
        self.is_flat = is_flat
        self._is_boolean = is_boolean

    def real(self) -> str:
        """Return the name of the values as reals."""
        return self._graph.to_real(self._name) if self._is_boolean else self._name

    def copy(self) -> Traced:
        """Return the array itself, which no operation changes."""
        return self

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UntraceableError("its values are asked for")

    def __bool__(self) -> bool:
        raise UntraceableError("its truth is asked for")

    def __iter__(self) -> Any:
        raise UntraceableError("its rows are asked for")

    def __getitem__(self, key: Any) -> Traced:
        if not isinstance(key, tuple) or len(key) != 2 or key[0] != slice(None) or self.is_flat:
            raise UntraceableError("rows are chosen")
        chosen = np.arange(self.width)[key[1]]
        places = np.atleast_1d(chosen).tolist()
        name = self._graph.gather(self._name, places)
        return type(self)(
            self._graph,
            name,
            len(places),
            is_flat=chosen.ndim == 0,
            is_boolean=self._is_boolean,
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise UntraceableError(f"{ufunc.__name__} is called with options")
        return self._combine(ufunc, inputs)

    def __array_function__(self, function: Any, _: Any, given: Any, options: Any) -> Any:
        write = _FUNCTIONS.get(function)
        if write is None:
            raise UntraceableError(f"{function.__name__} is called")
        return write(*given, **options)

    def _combine(self, ufunc: Any, inputs: Sequence[Any]) -> Traced:
        graph = self._graph
        if ufunc in _LOGIC or ufunc in _NEGATIONS:
            return self._decide(_LOGIC.get(ufunc, "Not"), inputs)
        names, width = self._operands(inputs)
        found = None
        if ufunc in _COMPARISONS:
            return self._like(graph.op(_COMPARISONS[ufunc], *names), width, is_boolean=True)
        if ufunc is np.isnan:
            return self._like(graph.op("IsNaN", *names), width, is_boolean=True)
        if ufunc in _BOUNDS:
            found = _bound(graph, names[0], names[1], _BOUNDS[ufunc])
        elif ufunc in _OPERATORS:
            found = graph.op(_OPERATORS[ufunc], *names)
        elif ufunc is np.not_equal:
            return ~np.equal(*inputs)  # type: ignore[no-any-return]
        elif len(names) == 1:
            found = apply_function(graph, ufunc, names[0])
        if found is None:
            raise UntraceableError(f"{ufunc.__name__} is called")
        return self._like(found, width)

    def _decide(self, kind: str, inputs: Sequence[Any]) -> Traced:
        if not all(isinstance(i, Traced) and i._is_boolean for i in inputs):  # noqa: SLF001
            raise UntraceableError("numbers are combined as booleans")
        _, width = self._operands(inputs)
        raw = [i._name for i in inputs]  # noqa: SLF001 - of its own class
        return self._like(self._graph.op(kind, *raw), width, is_boolean=True)

    def _operands(self, inputs: Sequence[Any]) -> tuple[list[str], int]:
        """Name the operands as reals of fitting shapes, and return the width of the result."""
        arrays = [i for i in inputs if isinstance(i, Traced)]
        if len({i.is_flat for i in arrays}) > 1:
            raise UntraceableError("arrays of one and two dimensions are combined")
        width = max(i.width for i in arrays)
        if any(i.width not in (1, width) for i in arrays):
            raise UntraceableError("arrays of different widths are combined")
        names = []
        for value in inputs:
            if isinstance(value, Traced):
                names.append(value.real())
                continue
            constant = np.asarray(value, dtype=np.float64)
            if constant.ndim and (self.is_flat or constant.shape != (width,)):
                raise UntraceableError("it is combined with an array")
            names.append(self._graph.constant(constant))
        return names, width

    def _like(self, name: str, width: int, *, is_boolean: bool = False) -> Traced:
        return type(self)(self._graph, name, width, is_flat=self.is_flat, is_boolean=is_boolean)

    def choose(self, yes: Any, no: Any) -> Traced:
        """Return ``yes`` where this array is true, else ``no``."""
        if not self._is_boolean:
            raise UntraceableError("numbers decide")
        (_, *names), width = self._operands([self, yes, no])
        return self._like(self._graph.op("Where", self._name, *names), width)

    def beside(self, others: Sequence[Traced]) -> Traced:
        """Put other arrays beside this one."""
        names = [each.real() for each in (self, *others)]
        width = self.width + sum(each.width for each in others)
        return Traced(self._graph, self._graph.concat(names), width)


def _bound(graph: Graph, left: str, right: str, comparison: str) -> str:
    """Return the larger or smaller of two; NaN if either is, as in NumPy."""
    other = graph.op(comparison, left, right)
    found = graph.op("Where", graph.op("Or", other, graph.op("IsNaN", right)), right, left)
    return graph.op("Where", graph.op("IsNaN", left), left, found)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if not isinstance(condition, Traced):
        raise UntraceableError("a constant decides")
    return condition.choose(yes, no)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Any:
    low, high = bounds.pop("min", a_min), bounds.pop("max", a_max)
    if bounds:
        raise UntraceableError("clip is called with options")
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _nan_to_num(
    x: Any,
    copy: Any = True,  # noqa: FBT002 - NumPy's signature
    nan: float = 0.0,
    posinf: Any = None,
    neginf: Any = None,
) -> Any:
    limits = np.finfo(np.float64)
    if not copy:
        raise UntraceableError("it is changed in place")
    x = np.where(np.isnan(x), nan, x)
    x = np.where(np.equal(x, np.inf), limits.max if posinf is None else posinf, x)
    return np.where(np.equal(x, -np.inf), limits.min if neginf is None else neginf, x)


def _columns(arrays: Sequence[Any]) -> Traced:
    first, *others = arrays
    if not all(isinstance(each, Traced) for each in arrays):
        raise UntraceableError("a constant becomes a column")
    return first.beside(others)  # type: ignore[no-any-return]


def _side_by_side(arrays: Sequence[Any], axis: int = 1) -> Traced:
    if axis not in (1, -1) or any(getattr(each, "is_flat", True) for each in arrays):
        raise UntraceableError("rows are put below each other")
    return _columns(arrays)


def _beside(arrays: Sequence[Any]) -> Traced:
    return _side_by_side(arrays)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Traced:
    return _side_by_side(arrays, axis)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.clip: _clip,
    np.nan_to_num: _nan_to_num,
    np.column_stack: _columns,
    np.hstack: _beside,
    np.concatenate: _concatenate,
}
