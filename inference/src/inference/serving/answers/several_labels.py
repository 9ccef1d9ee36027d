"""Answers of several labels for each row: multi-output and multi-label classification."""

from __future__ import annotations

import contextlib
from itertools import repeat, starmap
from typing import TYPE_CHECKING, Any

from inference.serving.answers.kind import column, record_type, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference.model.answers.targets import Target
    from inference.model.servable import Servable


class SeveralLabels:
    """The label of each target by its name, and the probabilities of its classes.

    Args:
        servable: The model to run.
        outputs: Names of the outputs with the labels, then of those with the probabilities.

    Attributes:
        outputs: The same.
    """

    def __init__(self, servable: Servable, outputs: list[str]) -> None:
        self.outputs = outputs
        self._targets = servable.targets
        self._names = [target.name for target in servable.targets]
        self._places = {name: place for place, name in enumerate(outputs)}
        self._has_tables = len(outputs) > len(self._targets)
        self._records: _Records | None = None
        with contextlib.suppress(ValueError):  # a name or a class cannot be that of a field
            self._records = _Records(self._names, servable.targets)

    def predictions(self, results: list[Any], rows: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        labels = self._label_rows(results)
        if not self._has_tables:
            return [
                {"labels": dict(zip(self._names, row, strict=True)), "probabilities": None}
                for row in labels
            ]
        columns = [self._tables(target, results, rows) for target in self._targets]
        return [
            {
                "labels": dict(zip(self._names, row, strict=True)),
                "probabilities": dict(zip(self._names, tables, strict=True)),
            }
            for row, tables in zip(labels, zip(*columns, strict=True), strict=True)
        ]

    def records(self, results: list[Any]) -> list[Any] | None:
        """Make predictions as records."""
        records = self._records
        if records is None:
            return None
        labels = list(starmap(records.labels, self._label_rows(results)))
        if not self._has_tables:
            return list(map(records.prediction, labels, repeat(None)))
        columns = [
            self._table_records(place, results, len(labels)) for place in range(len(self._targets))
        ]
        tables = starmap(records.tables, zip(*columns, strict=True))
        return list(map(records.prediction, labels, tables))

    def count_labels(self, results: list[Any]) -> Mapping[Any, int] | None:
        """Count the classes of each target, see :meth:`Target.count`."""
        counts: dict[str, int] = {}
        for target, codes in zip(self._targets, results, strict=False):
            counts |= target.count(codes)  # names begin with the target's
        return counts

    def _label_rows(self, results: list[Any]) -> Iterator[tuple[Any, ...]]:
        columns = [
            target.decoder.decode_all(column(codes))
            for target, codes in zip(self._targets, results, strict=False)
        ]
        return zip(*columns, strict=True)

    def _tables(
        self, target: Target, results: list[Any], rows: int
    ) -> list[dict[str, float] | None]:
        if target.probabilities is None:
            return [None] * rows
        numbers = results[self._places[target.probabilities]]
        return [dict(zip(target.keys, row, strict=True)) for row in numbers.tolist()]

    def _table_records(self, place: int, results: list[Any], rows: int) -> list[Any]:
        target, records = self._targets[place], self._records
        if target.probabilities is None or records is None:
            return [None] * rows
        numbers = results[self._places[target.probabilities]]
        return list(starmap(records.by_class[place], numbers.tolist()))


class _Records:
    """The types of the records of a prediction.

    Args:
        names: The names of the targets.
        targets: The targets.

    Raises:
        ValueError: A name cannot be that of a field.
    """

    def __init__(self, names: list[str], targets: Sequence[Target]) -> None:
        self.prediction = record_type("Prediction", ["labels", "probabilities"])
        self.labels = record_type("Labels", names)
        self.tables = record_type("Tables", names)
        self.by_class = [table_of(target.keys) for target in targets]
