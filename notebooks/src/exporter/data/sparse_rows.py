"""In which form the parts of a model are given their rows, where it matters.

XGBoost takes values that a sparse matrix does not store for missing ones, and scikit-learn's
scalers multiply by the reciprocal of the scale instead of dividing, and its normalizer divides by
any length but 0. A transformer of the caller's own may ask for the columns of a DataFrame by their
names, of which it keeps none.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from scipy import sparse  # type: ignore[import-untyped]
from sklearn.preprocessing import MaxAbsScaler, Normalizer, RobustScaler, StandardScaler

from exporter.data.boosters import library_of
from exporter.data.inner_estimators import estimators_within
from exporter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Whose transformers are written by name, or not at all.
_LIBRARIES = frozenset(
    {"sklearn", "imblearn", "category_encoders", "xgboost", "lightgbm", "catboost", "exporter"}
)
_SCALERS = (StandardScaler, RobustScaler, MaxAbsScaler, Normalizer)
_METHODS = ("predict", "predict_proba", "transform")
_LOCK = threading.Lock()  # of two threads that publish one model, each has to see its rows


class GivenRows(NamedTuple):
    """The forms in which parts of a model are given their rows, by the ``id()`` of the part.

    Attributes:
        sparse: XGBoost models, scalers and normalizers that are given sparse rows.
        names: The columns of the DataFrame that a transformer of the caller's own is given.
    """

    sparse: frozenset[int] = frozenset()
    names: Mapping[int, list[str]] = MappingProxyType({})


def is_own(part: Any) -> bool:
    """Return whether an estimator transforms by a method that no library has written."""
    method = getattr(type(part), "transform", None)
    return method is not None and str(method.__module__).partition(".")[0] not in _LIBRARIES


def find_given(model: Any, ask: Callable[[], Any]) -> GivenRows:
    """Find out in which form parts of a model are given their rows.

    Args:
        model: The fitted model.
        ask: Asks it about some rows. Not called if the model has no such part.
    """
    found: set[int] = set()
    names: dict[int, list[str]] = {}

    def note(part: Any, rows: Any) -> None:
        if sparse.issparse(rows) and not is_own(part):
            found.add(id(part))
        if hasattr(rows, "columns") and is_own(part):
            names[id(part)] = list(rows.columns)

    parts = [
        part
        for part in estimators_within(model)
        if isinstance(part, _SCALERS) or _is_xgboost(part) or is_own(part)
    ]
    if not parts:
        return GivenRows()
    with _LOCK, ExitStack() as stack:
        for part in parts:
            stack.enter_context(_watched(part, note))
        ask()
    return GivenRows(frozenset(found), names)


def check_zeros(model: Any, data: Any) -> None:
    """Refuse rows whose stored zeros XGBoost tells apart from the values that are not stored.

    Raises:
        DataError: There are such zeros.
    """
    if not sparse.issparse(data) or data.nnz == data.count_nonzero():
        return
    if any(_is_xgboost(part) for part in estimators_within(model)):
        raise DataError(
            "X stores zeros, which XGBoost tells apart from the missing values that a sparse "
            "matrix does not store. JSON has one zero: call X.eliminate_zeros() before "
            "fit() and publish()"
        )


def _is_xgboost(part: Any) -> bool:
    return library_of(part) == "xgboost"


@contextmanager
def _watched(part: Any, note: Callable[[Any, Any], None]) -> Iterator[None]:
    """Note the rows that a part's methods are called with."""

    def watch(call: Any) -> Any:
        @wraps(call)  # scikit-learn decides by the name of a method what it returns
        def watched(rows: Any, *arguments: Any, **options: Any) -> Any:
            note(part, rows)
            return call(rows, *arguments, **options)

        return watched

    methods = [name for name in _METHODS if hasattr(part, name) and name not in vars(part)]
    for name in methods:
        setattr(part, name, watch(getattr(part, name)))
    try:
        yield
    finally:
        for name in methods:
            delattr(part, name)
