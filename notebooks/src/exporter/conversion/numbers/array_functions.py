"""NumPy's functions of several arrays or with options, for arrays that are not there yet."""

from __future__ import annotations

from functools import partial, partialmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.numbers.methods import round_half_even
from exporter.conversion.numbers.reductions import reduce_array
from exporter.conversion.numbers.tracing import ARRAY_FUNCTIONS, UFUNCS, Traced, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Sequence

_REDUCTIONS: tuple[Any, ...] = (np.sum, np.mean, np.max, np.min, np.prod, np.std, np.var)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if not isinstance(condition, Traced):
        raise UntraceableError("a constant is the condition of np.where()")
    return condition.choose(yes, no)


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    if not condlist or len(condlist) != len(choicelist):
        raise UntraceableError("np.select() has not as many conditions as choices")
    found = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        found = _where(condition, choice, found)
    return found


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Any:
    low, high = bounds.pop("min", a_min), bounds.pop("max", a_max)
    if bounds:
        raise UntraceableError("clip() is called with options")
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
        raise UntraceableError("an array is changed in place")
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
        raise UntraceableError(
            "rows are put below each other: pass axis=1, or use np.column_stack()"
        )
    return _columns(arrays)


def _beside(arrays: Sequence[Any]) -> Traced:
    return _side_by_side(arrays)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Traced:
    return _side_by_side(arrays, axis)


def _round(a: Any, decimals: int = 0) -> Any:
    return round_half_even(a, decimals)


def _divide(ufunc: Any, left: Any, right: Any) -> Any:
    """Divide as Python does: the remainder has the sign of the divisor."""
    if isinstance(right, Traced) or not np.all(np.asarray(right, dtype=np.float64)):
        raise UntraceableError("it divides by a column with // or %: divide by a number")
    signed = left.modulo(right)
    divisor = np.asarray(right, dtype=np.float64)
    wrong = np.less(signed * np.sign(divisor), 0)
    if ufunc is np.remainder:
        return np.where(wrong, signed + divisor, signed)
    exact = (left - signed) / divisor
    return np.rint(np.where(wrong, exact - 1, exact))


ARRAY_FUNCTIONS.update(
    {
        np.where: _where,
        np.select: _select,
        np.clip: _clip,
        np.nan_to_num: _nan_to_num,
        np.column_stack: _columns,
        np.hstack: _beside,
        np.concatenate: _concatenate,
        np.round: _round,
        np.around: _round,
    }
)
ARRAY_FUNCTIONS.update({each: partial(reduce_array, each.__name__) for each in _REDUCTIONS})
UFUNCS.update({each: partial(_divide, each) for each in (np.floor_divide, np.remainder)})


def _reduce(self: Any, name: str, axis: Any = None, **options: Any) -> Any:
    """Combine the values of each row."""
    return reduce_array(name, self, axis, **options)


for _function in _REDUCTIONS:
    setattr(Traced, _function.__name__, partialmethod(_reduce, _function.__name__))
