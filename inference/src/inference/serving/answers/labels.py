"""Answers of one label for each row: classes with their probabilities, clusters, outliers."""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec

from inference.serving.answers.kind import column, flat, record_type, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference.model.servable import Servable


class LabelAndTable:
    """A label, and a number for each class: of classifiers and clusterings.

    Args:
        servable: The model to run.
        outputs: Names of the output with the label, and of the one with the numbers if there is
            one.

    Attributes:
        outputs: The same.
    """

    def __init__(self, servable: Servable, outputs: list[str]) -> None:
        self.outputs = outputs
        self._labels = servable.labels
        self._keys = servable.class_keys
        self._table_name = servable.table_name
        # Without a contract, the classes may be others than the graph names.
        has_records = servable.contract is not None and len(outputs) > 1
        self._record = _record_of(self._keys, self._table_name) if has_records else None

    def predictions(self, results: list[Any], _: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        labels = self._labels.decode_all(flat(results[0]))
        if len(results) == 1:
            return [{"label": label, self._table_name: None} for label in labels]
        return [
            {"label": label, self._table_name: table}
            for label, table in zip(labels, self._tables(results[1]), strict=True)
        ]

    def records(self, results: list[Any]) -> list[Any] | None:
        """Make predictions as records."""
        if self._record is None or isinstance(results[1], list):
            return None
        prediction, table = self._record
        labels, numbers = self._labels.decode_all(flat(results[0])), results[1]
        if len(labels) != len(numbers):
            raise ValueError(f"{len(labels)} labels and {len(numbers)} rows of {self._table_name}")
        # A list for each class takes less time than one for each row.
        values, width = numbers.ravel().tolist(), numbers.shape[1]
        columns = [values[place::width] for place in range(width)]
        return list(map(prediction, labels, map(table, *columns)))

    def count_labels(self, results: list[Any]) -> Mapping[Any, int] | None:
        """Count each predicted class."""
        return self._labels.count(results[0])

    def _tables(self, numbers: Any) -> Sequence[dict[Any, float]]:
        if isinstance(numbers, list):  # ZipMap's
            return numbers
        keys = self._keys
        if keys is None or len(keys) != numbers.shape[-1]:
            keys = [str(i) for i in range(numbers.shape[-1])]
        return [dict(zip(keys, row, strict=True)) for row in numbers.tolist()]


class LabelAndScore:
    """A label and one number: -1 for an outlier, 1 for an inlier, and the detector's score.

    Args:
        servable: The model to run.
        outputs: Names of the output with the label, and of the one with the score if there is one.

    Attributes:
        outputs: The same.
    """

    def __init__(self, servable: Servable, outputs: list[str]) -> None:
        self.outputs = outputs
        self._labels = servable.labels
        self._record = record_type("Prediction", ["label", "score"])

    def predictions(self, results: list[Any], _: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        return [{"label": label, "score": score} for label, score in self._pairs(results)]

    def records(self, results: list[Any]) -> list[Any] | None:
        """Make predictions as records."""
        return list(starmap(self._record, self._pairs(results)))

    def count_labels(self, results: list[Any]) -> Mapping[Any, int] | None:
        """Count inliers and outliers."""
        return self._labels.count(results[0])

    def _pairs(self, results: list[Any]) -> list[tuple[Any, float | None]]:
        labels = self._labels.decode_all(column(results[0]))
        scores: list[Any] = [None] * len(labels)
        if len(results) > 1:
            scores = column(results[1]).tolist()
        return list(zip(labels, scores, strict=True))


def _record_of(keys: Sequence[str] | None, name: str) -> tuple[Any, Any] | None:
    if not keys:
        return None
    try:
        table = table_of(keys)
    except ValueError:
        return None
    fields = [("label", Any), (name, table)]
    return msgspec.defstruct("Prediction", fields, gc=False), table
