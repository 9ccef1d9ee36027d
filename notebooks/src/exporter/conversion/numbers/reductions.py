"""What pandas and NumPy compute of the values of each row."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.numbers.tracing import Traced, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_COLUMNS = 200  # each is an operator or more
_COLUMNS = (1, -1, "columns")


def check_axis(axis: Any) -> None:
    """Refuse to combine rows.

    Raises:
        UntraceableError: The axis is that of the rows.
    """
    if axis not in _COLUMNS:
        raise UntraceableError(
            "rows are combined, such as by mean() of a column: pass axis=1, or numbers that you "
            "computed before"
        )


def fold(block: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the columns of an array, from left to right, into one ``[rows, 1]``."""
    if block.width > _MOST_COLUMNS:
        raise UntraceableError(f"more than {_MOST_COLUMNS} columns are combined one by one")
    return reduce(combine, [block[:, [place]] for place in range(block.width)])


def reduce_present(name: str, block: Traced, ddof: int = 1) -> Any:
    """Compute what a method of a DataFrame computes of the values that are present.

    Args:
        name: The method.
        block: The values, ``[rows, columns]``.
        ddof: What is subtracted from the number of values, for the variance.

    Returns:
        An array ``[rows, 1]``.
    """
    gap: Any = np.isnan(block)
    present: Any = ~gap
    count = fold(present.number(), np.add)
    if name == "count":
        return count
    if name in ("max", "min"):
        sign = -1.0 if name == "max" else 1.0
        combine = np.maximum if name == "max" else np.minimum
        found = fold(np.where(gap, sign * np.inf, block), combine)
        return np.where(count == 0, np.nan, found)
    if name == "prod":
        return fold(np.where(gap, 1.0, block), np.multiply)
    total: Any = fold(np.where(gap, 0.0, block), np.add)
    if name == "sum":
        return total
    mean = total / count
    if name == "mean":
        return mean
    apart = block - mean
    squares = fold(np.where(gap, 0.0, apart * apart), np.add)
    variance = np.where(count <= ddof, np.nan, squares / (count - ddof))
    return variance if name == "var" else np.sqrt(variance)


def reduce_array(name: str, block: Any, axis: Any = None, **options: Any) -> Any:
    """Compute what a function of an array computes of each row; missing values are passed on."""
    keepdims = options.pop("keepdims", False)
    ddof = options.pop("ddof", 0)
    given = {key for key, value in options.items() if value is not None}
    if given:
        raise UntraceableError(f"the option {min(given)} of {name}() is used")
    check_axis(axis)
    if block.is_flat:
        raise UntraceableError("rows are combined: choose two columns or more")
    folds = {"max": np.maximum, "min": np.minimum, "prod": np.multiply}
    numbers = block.number()
    if name in folds:
        found = fold(numbers, folds[name])
    else:
        found = fold(numbers, np.add)
        if name != "sum":
            found = found / float(block.width)
        if name in ("std", "var"):
            apart = numbers - found
            found = fold(apart * apart, np.add) / float(block.width - ddof)
            found = np.sqrt(found) if name == "std" else found
    return found if keepdims else found[:, 0]
