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
# Functions of several operators, which another module adds.
ARRAY_FUNCTIONS: dict[Any, Callable[..., Any]] = {}
UFUNCS: dict[Any, Callable[..., Any]] = {}
_FLOATS = (float, "float", "float64", np.float64)
_INTEGERS = (int, "int", "int64", np.int64)
_BOOLEANS = (bool, "bool", np.bool_)
_BOUNDS = {np.maximum: "Less", np.minimum: "Greater"}


class UntraceableError(TypeError):
    """The function does what has no form in the graph; the message names it."""


def trace(
    graph: Graph, function: Callable[..., Any], values: tuple[str, int], options: Mapping[str, Any]
) -> tuple[str, int]:
    """Write what a function of arrays computes.

    Args:
        graph: Where to write.
        function: Takes an array of shape ``[rows, width]`` and returns such an array.
        values: Name of a tensor of reals, and its width.
        options: Further arguments of the function, by their names.

    Returns:
        Name and width of the result.

    Raises:
        UntraceableError: The function cannot be traced; says what it does.
    """
    found = call(function, Traced(graph, *values), options)
    if not isinstance(found, Traced):
        raise UntraceableError(f"it returns a {type(found).__name__}, which X does not decide")
    if found.is_flat:
        raise UntraceableError("it returns one dimension: return X[:, [0]] instead of X[:, 0]")
    return found.real(), found.width


def call(function: Callable[..., Any], given: Any, options: Mapping[str, Any]) -> Any:
    """Call a function that was written for values with an object that stands for them.

    Raises:
        UntraceableError: It fails; says at what.
    """
    try:
        return function(given, **options)
    except UntraceableError:
        raise
    except KeyError as error:
        raise UntraceableError(
            f"there is no column {error.args[0] if error.args else error}"
        ) from None
    except AttributeError as error:
        name = getattr(error, "name", None)
        if name and type(getattr(error, "obj", None)).__module__.startswith("exporter."):
            raise UntraceableError(f"it uses .{name}") from None
        raise UntraceableError(_explain(error)) from None
    except Exception as error:  # noqa: BLE001 - it was written for values, and may raise anything
        raise UntraceableError(_explain(error)) from None


def _explain(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"it fails with {type(error).__name__}{f': {lines[0][:200]}' if lines else ''}"


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

    @property
    def graph(self) -> Graph:
        """Where it is written."""
        return self._graph

    def real(self) -> str:
        """Return the name of the values as reals."""
        return self._graph.to_real(self._name) if self._is_boolean else self._name

    def number(self) -> Traced:
        """Return the values as numbers."""
        return self._like(self.real(), self.width)

    def copy(self) -> Traced:
        """Return the array itself, which no operation changes."""
        return self

    def astype(self, kind: Any, **_: Any) -> Any:
        """Turn the values into another type: numbers are reals, whole ones too."""
        name, graph = self.real(), self._graph
        if kind in _FLOATS:
            return self._like(name, self.width)
        if kind in _INTEGERS:
            whole = name if self._is_boolean else graph.to_real(graph.cast(name, np.int64))
            return self._like(whole, self.width)
        if kind in _BOOLEANS:
            return self._like(graph.cast(name, np.bool_), self.width, is_boolean=True)
        raise UntraceableError(f"it turns values into {getattr(kind, '__name__', kind)}")

    def round(self, decimals: int = 0) -> Any:
        """Round to the even neighbor."""
        return np.round(self, decimals)

    def reshape(self, *shape: Any) -> Any:
        """Turn one dimension into two."""
        if shape not in ((-1, 1), ((-1, 1),)) or self.width != 1:
            raise UntraceableError("it calls reshape(), except reshape(-1, 1) of a column")
        return Traced(self._graph, self._name, 1, is_boolean=self._is_boolean)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UntraceableError(
            "it needs the values themselves, such as by np.array() or another library"
        )

    def __bool__(self) -> bool:
        raise UntraceableError(
            "it needs the truth of an array, such as by if, and, or, not: use np.where(), &, |, ~"
        )

    def __iter__(self) -> Any:
        raise UntraceableError("it goes through the rows")

    def __getitem__(self, key: Any) -> Traced:
        if self.is_flat and key == (slice(None), None):
            return self.reshape(-1, 1)  # type: ignore[no-any-return]
        if not isinstance(key, tuple) or len(key) != 2 or key[0] != slice(None) or self.is_flat:
            raise UntraceableError("it chooses rows: use np.where()")
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
            raise UntraceableError(f"it calls np.{ufunc.__name__} with options")
        return self._combine(ufunc, inputs)

    def __array_function__(self, function: Any, _: Any, given: Any, options: Any) -> Any:
        write = ARRAY_FUNCTIONS.get(function)
        if write is None:
            raise UntraceableError(f"it calls np.{function.__name__}")
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
        if ufunc in UFUNCS:
            found_whole: Traced = UFUNCS[ufunc](*inputs)
            return found_whole
        if ufunc in _BOUNDS:
            found = _bound(graph, names[0], names[1], _BOUNDS[ufunc])
        elif ufunc in _OPERATORS:
            found = graph.op(_OPERATORS[ufunc], *names)
        elif ufunc is np.not_equal:
            return ~np.equal(*inputs)  # type: ignore[no-any-return]
        elif len(names) == 1:
            found = apply_function(graph, ufunc, names[0])
        if found is None:
            raise UntraceableError(f"it calls np.{ufunc.__name__}")
        return self._like(found, width)

    def _decide(self, kind: str, inputs: Sequence[Any]) -> Traced:
        if not all(isinstance(i, Traced) and i._is_boolean for i in inputs):  # noqa: SLF001
            raise UntraceableError("it combines numbers as booleans: compare them with 0")
        _, width = self._operands(inputs)
        raw = [i._name for i in inputs]  # noqa: SLF001 - of its own class
        return self._like(self._graph.op(kind, *raw), width, is_boolean=True)

    def _operands(self, inputs: Sequence[Any]) -> tuple[list[str], int]:
        """Name the operands as reals of fitting shapes, and return the width of the result."""
        arrays = [i for i in inputs if isinstance(i, Traced)]
        if len({i.is_flat for i in arrays}) > 1:
            raise UntraceableError(
                "it combines arrays of one and two dimensions: use X[:, [0]] instead of X[:, 0]"
            )
        width = max(i.width for i in arrays)
        if any(i.width not in (1, width) for i in arrays):
            raise UntraceableError("it combines arrays of different widths")
        names = []
        for value in inputs:
            if isinstance(value, Traced):
                names.append(value.real())
                continue
            constant = np.asarray(value, dtype=np.float64)
            if constant.ndim and (self.is_flat or constant.shape != (width,)):
                raise UntraceableError("it combines X with an array of another shape")
            names.append(self._graph.constant(constant))
        return names, width

    def _like(self, name: str, width: int, *, is_boolean: bool = False) -> Traced:
        return type(self)(self._graph, name, width, is_flat=self.is_flat, is_boolean=is_boolean)

    def modulo(self, divisor: Any) -> Any:
        """Return the remainder, with the sign of the dividend."""
        names, width = self._operands([self, divisor])
        return self._like(self._graph.op("Mod", *names, fmod=1), width)

    def choose(self, yes: Any, no: Any) -> Traced:
        """Return ``yes`` where this array is true, else ``no``."""
        if not self._is_boolean:
            raise UntraceableError("numbers are a condition: compare them with 0")
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
