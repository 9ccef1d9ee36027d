"""Examples that you can execute unchanged: golden samples with their responses, and an error.

A row is shown only if the model's reader accepts it without a warning.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from inference.errors import RookeryError
from inference.logs import fields
from inference.model.labels import label_key
from inference.serving.rows.reader import RowReader
from inference.web.errors.problem import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference.model.contract import Contract, Feature, Sample, Scalar
    from inference.model.servable import Servable

_log = logging.getLogger(__name__)

Examples = dict[str, Any]

ONE, LIST, ROWS = "one record", "a list of records", "rows in feature order"
_ROWS = 2
_TRIED = 20  # golden samples
_LONGEST_BYTES = 16 * 1024  # more is unreadable on a page


class ModelExamples:
    """The examples of one model.

    Args:
        servable: A model with features.

    Attributes:
        requests: Bodies for its predict route, by kind.
        answers: The responses to them; empty if unknown.
        problem: The response to an invalid body.
    """

    def __init__(self, servable: Servable) -> None:
        self._servable = servable
        self._features = servable.features or []
        self._reader = RowReader(servable, max_rows=_ROWS)
        self.requests: Examples = {}
        self.answers: Examples = {}
        self.problem: dict[str, Any] | None = None
        try:
            self._find()
        except Exception as error:  # noqa: BLE001 - one file must not break the whole document
            extra = fields("no_examples", model=servable.name, version=servable.version)
            kind = type(error).__name__
            _log.warning(
                "model '%s' is described without examples: %s", servable.name, kind, extra=extra
            )

    def _find(self) -> None:
        rows, samples = self._choose()
        if not rows:
            return
        records = [self._record(row) for row in rows]
        self.requests = _short({ONE: records[0], LIST: records, ROWS: rows})
        self.problem = self._refuse(rows[0])
        if samples and self.requests:
            self.answers = self._answer(samples)

    def _choose(self) -> tuple[list[list[Scalar]], list[Sample]]:
        """Return two different rows, and their golden samples if they have any."""
        contract = self._servable.contract
        samples: list[Sample] = []
        for sample in (contract.samples if contract else [])[:_TRIED]:
            if all(sample.row != other.row for other in samples) and self._takes(sample.row):
                samples.append(sample)
            if len(samples) == _ROWS:
                return [sample.row for sample in samples], samples
        rows = [sample.row for sample in samples]
        for row in self._candidates():
            if len(rows) < _ROWS and row not in rows and self._takes(row):
                rows.append(row)
        return rows, samples if len(samples) == len(rows) else []

    def _candidates(self) -> Iterator[list[Scalar]]:
        yield [feature.example for feature in self._features]
        yield [_other(feature) for feature in self._features]
        for index, feature in enumerate(self._features):
            row: list[Scalar] = [other.example for other in self._features]
            row[index] = _other(feature)
            yield row
            if index > _TRIED:
                return

    def _takes(self, row: list[Scalar]) -> bool:
        try:
            return not self._reader.read(msgspec.json.encode([self._record(row)])).warnings
        except RookeryError:
            return False

    def _record(self, row: Sequence[Scalar]) -> dict[str, Scalar]:
        return {f.name: value for f, value in zip(self._features, row, strict=True)}

    def _answer(self, samples: list[Sample]) -> Examples:
        contract = self._servable.contract
        if contract is None:
            return {}
        named = {"model": self._servable.name, "version": self._servable.version}
        predictions = [
            _prediction(contract, sample, self._servable.table_name) for sample in samples
        ]
        if None in predictions:
            return {}
        many = named | {"predictions": predictions}
        return _short({ONE: named | (predictions[0] or {}), LIST: many, ROWS: many})

    def _refuse(self, row: list[Scalar]) -> dict[str, Any] | None:
        """Return the response to a record whose first feature has the wrong type."""
        first = self._features[0]
        wrong = 1.5 if first.kind == "category" else "long"
        record = self._record(row) | {first.name: wrong}
        try:
            self._reader.read(msgspec.json.encode(record))
        except RookeryError as error:
            return describe(error)
        return None


def _prediction(contract: Contract, sample: Sample, table: str) -> dict[str, Any] | None:
    """Return the prediction of a golden sample; ``None`` if the sample is incomplete."""
    label = sample.label
    if contract.task == "regression":
        if contract.targets is None:
            return {"value": label[0] if isinstance(label, list) else label}
        if not isinstance(label, list) or len(label) != len(contract.targets):
            return None
        return {"values": dict(zip(contract.targets, label, strict=True))}
    if contract.outputs.probabilities is None:
        return {"label": label, "probabilities": None}
    if sample.probabilities is None:
        return None
    keys = map(label_key, contract.classes or [])
    return {"label": label, table: dict(zip(keys, sample.probabilities, strict=True))}


def _other(feature: Feature) -> Scalar:
    """Return a value other than the feature's example, inside the training range."""
    example = feature.example
    if isinstance(example, bool):
        return not example
    if feature.kind == "category":
        others = (value for value in feature.categories or [] if value != example)
        return next(others, example)
    for bound in (feature.minimum, feature.maximum):
        if bound is not None and bound != example:
            return int(bound) if feature.kind == "integer" else bound
    return 1 if example in (0, None) else 0


def _short(examples: Examples) -> Examples:
    """Omit examples that are too long to show."""
    return {k: v for k, v in examples.items() if len(msgspec.json.encode(v)) <= _LONGEST_BYTES}
