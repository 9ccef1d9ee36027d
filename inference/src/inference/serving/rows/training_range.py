"""Warnings about values outside the training range; such rows are answered."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.model.signature import element_range
from inference.serving.rows.numbers import write_exactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference.model.contract import Feature, Scalar

Matrix = np.ndarray[Any, Any]

MAX_WARNINGS = 100
_SHOWN = 60
_NUMERIC = ("number", "integer")

_FEW = 4096  # values that are compared sooner than their extremes are found


class TrainingRange:
    """The smallest and largest training value of each number, and the categories that it knew.

    Args:
        features: In the order of the rows' values.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._bounds = [
            (column, feature.name, feature.minimum, feature.maximum)
            for column, feature in enumerate(features)
            if feature.kind in _NUMERIC
            and feature.minimum is not None
            and feature.maximum is not None
        ]
        self._categories = [
            (column, feature.name, frozenset(feature.categories or ()))
            for column, feature in enumerate(features)
            if feature.warn_unseen
        ]
        numeric = sum(feature.kind in _NUMERIC for feature in features)
        self._is_known = len(self._bounds) == numeric
        self._is_whole = self._is_known and numeric == len(features)
        self._lows = np.array([low for _, _, low, _ in self._bounds], dtype=np.float64)
        self._highs = np.array([high for _, _, _, high in self._bounds], dtype=np.float64)
        self._typed_bounds: dict[np.dtype[Any], tuple[np.ndarray[Any, Any], ...]] = {}

    def covers_row(self, row: Sequence[Scalar]) -> bool:
        """Whether every value of a row lies inside, and is thus finite."""
        if not self._is_known:
            return False
        for column, _, low, high in self._bounds:
            value: Any = row[column]
            if value is None or not low <= value <= high:
                return False
        for column, _, known in self._categories:
            if row[column] is not None and row[column] not in known:
                return False
        return True

    def covers_matrix(self, matrix: np.ndarray[Any, Any]) -> bool:
        """Whether all of a matrix, shape ``[rows, features]``, lies inside."""
        if not self._is_whole or matrix.shape[1:] != self._lows.shape:
            return False
        lows, highs = self._bounds_as(matrix.dtype)
        if matrix.size <= _FEW:
            inside = (matrix >= lows) & (matrix <= highs)
        else:
            inside = (matrix.min(axis=0) >= lows) & (matrix.max(axis=0) <= highs)
        return bool(inside.all())

    def _bounds_as(self, dtype: np.dtype[Any]) -> tuple[np.ndarray[Any, Any], ...]:
        known = self._typed_bounds.get(dtype)
        if known is None:
            lows, highs = self._lows, self._highs
            if dtype.kind == "f":  # beyond the type a bound would be infinite, and infinity inside
                finite = element_range(dtype)
                lows, highs = lows.clip(*finite), highs.clip(*finite)
            known = lows.astype(dtype), highs.astype(dtype)
            self._typed_bounds[dtype] = known
        return known

    def warnings(
        self, rows: Sequence[Sequence[Scalar]], matrix: Matrix | None = None
    ) -> list[dict[str, Any]]:
        """List the values outside, at most :data:`MAX_WARNINGS`, by feature and then by row."""
        return [outlier.warning for outlier in self.find(rows, matrix=matrix)]

    def find(
        self, rows: Sequence[Sequence[Scalar]], first: int = 0, matrix: Matrix | None = None
    ) -> list[Outlier]:
        """Find the values outside, at most :data:`MAX_WARNINGS`, by feature and then by row.

        Args:
            rows: A request's rows, or some of them.
            first: The index of the first of them in the request.
            matrix: The rows as a matrix, which makes it faster; ``None`` where there is none.
        """
        found: list[Outlier] = self._find_unseen(rows, first)
        suspects = self._suspects(matrix)
        for column, name, low, high in self._bounds:
            places: Iterable[int] = range(len(rows))
            if suspects is not None:
                places = suspects[:, column].nonzero()[0].tolist()
            for place in places:
                value: Any = rows[place][column]
                if value is None or low <= value <= high:
                    continue
                side = (
                    f"below {write_exactly(low)}, the smallest"
                    if value < low
                    else f"above {write_exactly(high)}, the largest"
                )
                reason = f"{write_exactly(value)} is {side} value seen in training"
                found.append(Outlier(column, first + place, name, reason))
                if len(found) >= MAX_WARNINGS:
                    return found
        return found

    def _suspects(self, matrix: Matrix | None) -> Matrix | None:
        """Mark where a value may lie outside: rounded, it is a bound, beyond it, or NaN."""
        if matrix is None or not self._is_whole or matrix.shape[1:] != self._lows.shape:
            return None
        lows, highs = self._bounds_as(matrix.dtype)
        return ~((matrix > lows) & (matrix < highs))

    def _find_unseen(self, rows: Sequence[Sequence[Scalar]], first: int) -> list[Outlier]:
        """Find the categories that training has not seen, at most :data:`MAX_WARNINGS`."""
        found = (
            Outlier(column, index, name, f"{_shown(row[column])} was not seen in training")
            for column, name, known in self._categories
            for index, row in enumerate(rows, first)
            if row[column] is not None and row[column] not in known
        )
        return list(itertools.islice(found, MAX_WARNINGS))


def _shown(value: Scalar) -> str:
    text = str(value)
    return f"'{text[:_SHOWN]}...'" if len(text) > _SHOWN else f"'{text}'"


class Outlier(NamedTuple):
    """A value outside; they are listed by the feature's column, then by the row's index."""

    column: int
    row: int
    feature: str
    reason: str

    @property
    def warning(self) -> dict[str, Any]:
        """What the caller is warned of."""
        return {"row": self.row, "feature": self.feature, "reason": self.reason}
