"""Which parts of a model are given sparse rows, where these mean something else than dense ones.

XGBoost takes values that a sparse matrix does not store for missing ones, and scikit-learn's
scalers multiply by the reciprocal of the scale instead of dividing.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from scipy import sparse  # type: ignore[import-untyped]
from sklearn.preprocessing import MaxAbsScaler, RobustScaler, StandardScaler

from exporter.data.boosters import library_of
from exporter.data.inner_estimators import estimators_within
from exporter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCALERS = (StandardScaler, RobustScaler, MaxAbsScaler)
_METHODS = ("predict", "predict_proba", "transform")


def find_sparse(model: Any, ask: Callable[[], Any]) -> frozenset[int]:
    """Return the ``id()`` of each XGBoost model and scaler that is given sparse rows.

    Args:
        model: The fitted model.
        ask: Asks it about some rows. Not called if the model has no such part.
    """
    found: set[int] = set()
    parts = [
        part for part in estimators_within(model) if isinstance(part, _SCALERS) or _is_xgboost(part)
    ]
    if not parts:
        return frozenset()
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(_watched(part, found))
        ask()
    return frozenset(found)


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
def _watched(part: Any, found: set[int]) -> Iterator[None]:
    """Note whether a part's methods are called with sparse rows."""

    def watch(call: Any) -> Any:
        @wraps(call)  # scikit-learn decides by the name of a method what it returns
        def watched(rows: Any, *arguments: Any, **options: Any) -> Any:
            if sparse.issparse(rows):
                found.add(id(part))
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
