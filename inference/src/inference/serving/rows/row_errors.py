"""The row checker: reports, for every row and feature, what is wrong and what is expected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inference.errors import Fault, RequestError, RowsError
from inference.model.feature_rules import is_open, rule_of
from inference.model.signature import element_range
from inference.runtime.suggestions import nearest
from inference.serving.rows.numbers import write_exactly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from inference.model.contract import Feature, Scalar

    Dtypes = Mapping[str, np.dtype[Any] | None]

MAX_FAULTS = 100
_LISTED = 12
_NAME_LENGTH = 200
_SEARCHES = 8  # a search for what was meant takes up to some milliseconds
# Once as many faults are found as are listed, reading on only counts them; a short body can have
# millions, since each empty record lacks every feature.
_COUNTED_VALUES = 20_000


class RowChecker:
    """Reads decoded rows, and notes what is wrong with them.

    Args:
        features: In the order of the rows' values.
        dtypes: NumPy's type of each ONNX input, by the input's name.
        unused: Columns that records may carry although the model does not read them.

    Attributes:
        total: How many faults there are.
    """

    def __init__(
        self, features: Sequence[Feature], dtypes: Dtypes, unused: Sequence[str] = ()
    ) -> None:
        self._features = features
        self._names = [feature.name for feature in features]
        self._known = frozenset([*self._names, *unused])
        self._nullable = frozenset(feature.name for feature in features if feature.nullable)
        self._categories = {f.name: frozenset(f.categories or ()) for f in features}
        self._dtypes = dtypes
        self._hints: dict[str, str] = {}
        self._values = 0
        self._faults: list[Fault] = []
        self.total = 0

    def split(self, document: Any) -> tuple[list[Any], bool]:
        """Split a whole decoded body into items that should be rows.

        Returns:
            The items, and whether it was one record instead of a list.

        Raises:
            RequestError: It is neither a record nor a list.
        """
        single = isinstance(document, dict)
        if isinstance(document, list) and document and not isinstance(document[0], dict | list):
            single = not any(isinstance(item, dict | list) for item in document)
        items = [document] if single else document
        if not isinstance(items, list):
            raise RequestError(
                f"the body is {_describe(document)}: send one record such as "
                f"{_example(self._features)}, a list of records, or rows of values in feature order"
            )
        return items, single

    def read(self, items: list[Any], first: int = 0) -> list[tuple[Scalar, ...]]:
        """Read some rows.

        Args:
            items: What should be rows.
            first: The index of the first of them in the request.

        Returns:
            The rows; of no use where there is a fault.

        Raises:
            RowsError: There are so many faults that no more are looked for.
        """
        rows = []
        for index, item in enumerate(items, first):
            self._values += len(self._names)
            if self.total >= MAX_FAULTS and self._values > _COUNTED_VALUES:
                raise RowsError(self._faults, self.total, whole=False)
            rows.append(self._read(index, item))
        return rows

    def finish(self) -> None:
        """Refuse the rows where there is any fault.

        Raises:
            RowsError: Rows or features are wrong.
        """
        if self.total:
            raise RowsError(self._faults, self.total)

    def _read(self, index: int, item: Any) -> tuple[Scalar, ...]:
        if isinstance(item, dict):
            self._check_names(index, item)
            values = [item.get(name, _MISSING) for name in self._names]
        elif isinstance(item, list) and len(item) == len(self._names):
            values = item
        else:
            if self._lists_another():
                self._faults.append(Fault(index, None, self._wrong_shape(item)))
            return ()
        return tuple(
            self._value(index, feature, value)
            for feature, value in zip(self._features, values, strict=True)
        )

    def _value(self, index: int, feature: Feature, value: Any) -> Any:
        if value is _MISSING:  # null, or reported by name already
            return None
        if isinstance(value, float) and value.is_integer() and rule_of(feature).is_whole:
            value = int(value)
        reason = _wrong_value(feature, value, self._dtypes[feature.input])
        if reason is None and feature.kind == "category" and value is not None:
            reason = self._wrong_category(feature, value)
        if reason and self._lists_another():
            self._faults.append(Fault(index, feature.name, reason))
        if reason is None and feature.kind == "number" and value is not None:
            return float(value)  # as the typed decoder reads it, and warnings show it
        return value

    def _wrong_category(self, feature: Feature, value: Any) -> str | None:
        if isinstance(value, str) and value != _escape_surrogates(value):
            return f"{_quote(value)} is not Unicode text: it holds half of a surrogate pair"
        if is_open(feature) or value in self._categories[feature.name]:
            return None
        known = feature.categories or []
        hint = self._nearest(value, known) if isinstance(value, str) else ""
        return f"unknown category {_quote(value)}.{hint} Known are: {_list(known)}"

    def _check_names(self, index: int, item: dict[str, Any]) -> None:
        absent = [name for name in self._names if name not in item]
        missing = [name for name in absent if name not in self._nullable]
        for name in self._listed(missing):
            self._faults.append(Fault(index, name, "it is missing"))
        if len(item) + len(absent) == len(self._names):
            return
        extra = [name for name in item if name not in self._known]
        for name in self._listed(extra):
            hint = self._nearest(name, absent) or f" The features are: {_list(self._names)}"
            shown = _escape_surrogates(name[:_NAME_LENGTH])
            self._faults.append(Fault(index, shown, f"the model has no such feature.{hint}"))

    def _listed(self, wrong: list[str]) -> list[str]:
        """Count faults, and give those that there is room to list."""
        self.total += len(wrong)
        return wrong[: MAX_FAULTS - len(self._faults)]

    def _lists_another(self) -> bool:
        """Count a fault, and tell whether it is one of those that are listed."""
        self.total += 1
        return len(self._faults) < MAX_FAULTS

    def _nearest(self, wrong: str, right: Sequence[Any]) -> str:
        hint = self._hints.get(wrong)
        if hint is None:
            if self.total > MAX_FAULTS or len(self._hints) >= _SEARCHES:
                return ""
            hint = self._hints[wrong] = nearest(wrong, map(str, right))
        return hint

    def _wrong_shape(self, item: Any) -> str:
        wanted = f"{len(self._names)} values in the order {_list(self._names)}"
        if isinstance(item, list):
            return f"the row has {len(item)} values, the model takes {wanted}"
        return f"the row is {_describe(item)}: send a record, or {wanted}"


_MISSING: Any = object()


def _wrong_value(feature: Feature, value: Any, dtype: np.dtype[Any] | None) -> str | None:
    if value is None:
        return None if feature.nullable else "null is not allowed"
    if isinstance(value, float) and not math.isfinite(value):
        instead = "; send null for an unknown value" if feature.nullable else ""
        return f"{_literal(value)} is not a finite number{instead}"
    rule = rule_of(feature)
    if not rule.accepts(value):
        return f"expected {rule.expected}, got {_describe(value)}"
    # The list of an integer category is within int64.
    is_ranged = isinstance(value, int | float) and (feature.kind != "category" or is_open(feature))
    return _out_of_range(value, dtype) if is_ranged and feature.kind != "boolean" else None


def _out_of_range(value: float, dtype: np.dtype[Any] | None) -> str | None:
    if dtype is None or dtype.kind not in "iuf":
        return None
    low, high = element_range(dtype)
    if low <= value <= high:
        return None
    return f"{write_exactly(value)} is out of the range of {dtype.name}"


def _describe(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"the boolean {str(value).lower()}"
        case str():
            return f"the string {_quote(value)}"
        case int() | float():
            return f"the number {write_exactly(value)}"
        case list():
            return "a list"
        case _:
            return "an object"


def _quote(value: Any) -> str:
    text = _escape_surrogates(str(value))
    return f"'{text[:60]}...'" if len(text) > 60 else f"'{text}'"


def _escape_surrogates(text: str) -> str:
    """Return text with half surrogate pairs, which UTF-8 lacks, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _list(values: Sequence[Any]) -> str:
    shown = ", ".join(_quote(value) for value in values[:_LISTED])
    return shown + (f" and {len(values) - _LISTED} more" if len(values) > _LISTED else "")


def _example(features: Sequence[Feature]) -> str:
    shown = ", ".join(f'"{f.name}": {_literal(f.example)}' for f in features[:_LISTED])
    return "{" + shown + (", ..." if len(features) > _LISTED else "") + "}"


def _literal(value: Scalar) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case float() if not math.isfinite(value):
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
        case _:
            return write_exactly(value)
