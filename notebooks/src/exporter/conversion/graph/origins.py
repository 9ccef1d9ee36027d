"""Thresholds before a function instead of behind it.

The last bit of a logarithm or a power differs between libraries, and a tree may split exactly
there. So trees after an increasing function compare the function's argument instead of its value.
Each threshold moves to the largest double whose value, as the library computes it, is at most the
threshold. The answers are those of the original, and the graph does not compute the function.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.conversion.graph.column import Column

    Array = np.ndarray[Any, Any]

# Where a function begins; below, its value is missing.
_FUNCTIONS: dict[Any, float] = {
    np.exp: -np.inf,
    np.expm1: -np.inf,
    np.log: 0.0,
    np.log10: 0.0,
    np.log1p: -1.0,
    np.log2: 0.0,
    np.tanh: -np.inf,
}
_SCALERS = (StandardScaler, RobustScaler, MinMaxScaler)
_LARGEST = np.finfo(np.float64).max
_TINIEST = np.nextafter(0.0, 1.0)
_SIGN_BIT = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_HALVINGS = 64
_HARMLESS = 1.0  # every function here takes it


@dataclass(frozen=True)
class Origin:
    """What a tensor was computed from, column by column.

    Attributes:
        columns: What the transformer was given.
        call: What it does, to an array ``[rows, columns]``.
        low: The least argument.
    """

    columns: list[Column]
    call: Callable[[Array], Any]
    low: float


@dataclass(frozen=True)
class Traced:
    """The columns that trees can be given instead of their own.

    Attributes:
        columns: These columns.
        origins: For each column, where its values come from; ``None`` where it is the trees' own.
    """

    columns: list[Column]
    origins: list[Origin | None]

    def move(self, features: Array, thresholds: Array, dtype: type[np.floating[Any]]) -> Array:
        """Move thresholds.

        Args:
            features: The column that each threshold is for.
            thresholds: Bounds of values that were rounded to a type.
            dtype: That type.

        Returns:
            Bounds of the values in :attr:`columns`, in double.
        """
        moved, first = np.zeros(len(features)), 0
        for column, origin in zip(self.columns, self.origins, strict=True):
            own = np.flatnonzero((features >= first) & (features < first + column.width))
            own = own[np.lexsort((thresholds[own], features[own]))]
            places, bounds = features[own] - first, thresholds[own].astype(np.float64)
            new = np.ones(len(own), dtype=bool)
            new[1:] = (np.diff(places) != 0) | (np.diff(bounds) != 0)
            found = _search(origin, column.width, places[new], bounds[new], dtype)
            moved[own] = found[np.cumsum(new) - 1] if len(own) else 0.0
            first += column.width
        return moved


def find_origin(
    transformer: Any, columns: Sequence[Column], known: Mapping[str, Origin]
) -> Origin | None:
    """Return the origin of what a transformer makes, if it applies functions that rise.

    Args:
        transformer: The transformer.
        columns: What it is given.
        known: The origins of tensors, of which it may scale one.
    """
    low, call = _find_function(transformer)
    if call is None:
        return None
    inner = known.get(columns[0].name) if len(columns) == 1 else None
    if inner is not None and low == -np.inf:
        before = inner.call
        return replace(inner, call=lambda table: call(_bounded(before(table))))
    return None if isinstance(transformer, _SCALERS) else Origin(list(columns), call, low)


def _find_function(transformer: Any) -> tuple[float, Callable[[Array], Any] | None]:
    """Return where a function that rises begins, and it; ``None`` for any other transformer."""
    kind = type(transformer)
    if kind is FunctionTransformer and not transformer.kw_args:
        function = transformer.func
        if isinstance(function, np.ufunc) and function in _FUNCTIONS:
            return _FUNCTIONS[function], transformer.transform
    elif kind is PowerTransformer:
        low = _TINIEST if transformer.method == "box-cox" else -np.inf
        return low, partial(_raise, transformer)
    elif kind is QuantileTransformer and transformer.output_distribution == "normal":
        return -np.inf, transformer.transform
    elif kind in _SCALERS:
        return -np.inf, partial(_scale, transformer)
    return -np.inf, None


def _bounded(values: Any) -> Array:
    # Steps refuse infinity; where one would meet it, the original does not answer.
    bounded: Array = np.clip(np.asarray(values), -_LARGEST, _LARGEST)
    return bounded


def _raise(transformer: PowerTransformer, table: Array) -> Array:
    """Do what its ``transform`` does, which refuses powers that are too large for a double."""
    plain = copy.copy(transformer)
    plain.standardize = False
    values = np.asarray(plain.transform(table))
    if not transformer.standardize:
        return values
    return _scale(transformer._scaler, values)  # noqa: SLF001 - has no public name


def _scale(scaler: Any, values: Array) -> Array:
    """Do what a scaler's ``transform`` does, in its order, to values of any size."""
    if isinstance(scaler, MinMaxScaler):
        values = values * scaler.scale_ + scaler.min_
        return np.clip(values, *scaler.feature_range) if scaler.clip else values
    is_standard = isinstance(scaler, StandardScaler)
    center = scaler.mean_ if is_standard else scaler.center_
    if scaler.with_mean if is_standard else scaler.with_centering:
        values = values - center
    scaled = scaler.with_std if is_standard else scaler.with_scaling
    return values / scaler.scale_ if scaled else values


def _search(
    origin: Origin | None, width: int, places: Array, thresholds: Array, dtype: Any
) -> Array:
    """Find the largest argument whose value is at most the threshold, by halving."""
    if not len(places):
        return np.zeros(0)
    start = -_LARGEST if origin is None else max(origin.low, -_LARGEST)
    low, high = (_order(np.full(len(places), bound)) for bound in (start, _LARGEST))
    ranks = np.zeros(len(places), dtype=int)
    for place in np.unique(places):
        ranks[places == place] = np.arange(int((places == place).sum()))
    table = np.full((int(ranks.max(initial=-1)) + 1, width), _HARMLESS)

    def is_left(order: Array) -> Array:
        table[ranks, places] = _order(order).view(np.float64)
        values = table if origin is None else np.asarray(origin.call(table))
        found: Array = values[ranks, places].astype(dtype) <= thresholds
        return found

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of columns, and what overflows
        none, every = ~is_left(low), is_left(high)
        for _ in range(_HALVINGS):
            middle = (low >> 1) + (high >> 1) + (low & high & 1)
            left = is_left(middle)
            low, high = np.where(left, middle, low), np.where(left, high, middle)
    found = _order(low).view(np.float64)
    return np.where(none, -np.inf, np.where(every, _LARGEST, found))


def _order(values: Array) -> Array:
    """Number doubles in their order, as integers; and back, for it undoes itself."""
    bits = values.view(np.int64)
    return np.where(bits < 0, bits ^ _SIGN_BIT, bits)
