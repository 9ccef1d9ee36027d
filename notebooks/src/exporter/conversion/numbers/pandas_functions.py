"""Functions of the module pandas, for frames that are not there yet."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.conversion.numbers.series import TracedSeries, TracedText
from exporter.conversion.numbers.tracing import Traced, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCK = threading.Lock()
_MISSING = ("isna", "isnull", "notna", "notnull")


@contextmanager
def traced_functions(concat: Callable[[list[Any]], Any]) -> Iterator[None]:
    """Let pandas' functions take traced frames and columns, meanwhile; others as always.

    Args:
        concat: Puts frames and columns side by side.
    """

    def join(objs: Any, *, axis: Any = 0, **options: Any) -> Any:
        parts = list(objs.values() if isinstance(objs, dict) else objs)
        if not any(_is_traced(part) for part in parts):
            return originals["concat"](objs, axis=axis, **options)
        if axis not in (1, "columns"):
            raise UntraceableError("pd.concat() puts rows below each other: pass axis=1")
        if options or isinstance(objs, dict):
            raise UntraceableError("pd.concat() is called with options")
        return concat(parts)

    def missing(name: str) -> Callable[[Any], Any]:
        def ask(obj: Any) -> Any:
            return getattr(obj, name)() if _is_traced(obj) else originals[name](obj)

        return ask

    names = ("concat", *_MISSING)
    with _LOCK:
        originals: dict[str, Any] = {name: getattr(pd, name) for name in names}
        made: dict[str, Any] = {"concat": join, **{name: missing(name) for name in _MISSING}}
        try:
            for name in names:
                setattr(pd, name, made[name])
            yield
        finally:
            for name in names:
                setattr(pd, name, originals[name])


def _is_traced(value: Any) -> bool:
    return isinstance(value, (Traced, TracedSeries, TracedText)) or hasattr(value, "to_columns")


def constant_row(value: Any, names: list[Any]) -> Any:
    """Return a Series of constants, or a sequence, in the order of a frame's columns.

    Raises:
        UntraceableError: It has other names, or another length.
    """
    if isinstance(value, pd.Series):
        if len(value) != len(names) or set(value.index) != set(names):
            raise UntraceableError("a frame is combined with a Series of other names")
        return value[names].to_numpy(dtype=np.float64)
    row = np.asarray(value, dtype=np.float64)
    if row.shape != (len(names),):
        raise UntraceableError("a frame is combined with an array of another shape")
    return row
