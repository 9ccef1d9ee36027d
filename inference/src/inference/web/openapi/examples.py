"""Examples that you can execute unchanged: golden samples with their responses, and an error.

A row is shown only if the model's reader accepts it without a warning.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from inference.errors import RookeryError
from inference.logs import fields
from inference.model.answers.tensors import table_output
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
        predictions = [_prediction(self._servable, contract, sample) for sample in samples]
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


def _prediction(servable: Servable, contract: Contract, sample: Sample) -> Examples | None:
    """Return the prediction of a golden sample; ``None`` if the sample is incomplete."""
    prediction = _uncalibrated(servable, contract, sample)
    calibration = contract.calibration
    if prediction is None or calibration is None:
        return prediction
    if contract.task == "classification":
        numbers = prediction[servable.table_name].values()
        labels = zip(contract.classes or [], numbers, strict=True)
        least = calibration.threshold or 0.0
        return prediction | {"label_set": [label for label, n in labels if n >= least]}
    values = prediction.get("values") or {"": prediction.get("value")}
    widths = zip(values.items(), calibration.half_widths or [], strict=True)
    intervals = {name: [value - width, value + width] for (name, value), width in widths}
    return prediction | (
        {"interval": intervals[""]} if contract.targets is None else {"intervals": intervals}
    )


def _uncalibrated(servable: Servable, contract: Contract, sample: Sample) -> Examples | None:
    match contract.task:
        case "regression":
            return _value(contract, sample.label)
        case "transformation":
            return {"vector": sample.label}
        case "multioutput_classification":
            return _labels(servable, sample)
        case "outlier_detection":
            is_whole = contract.outputs.score is None or sample.score is not None
            return {"label": sample.label, "score": sample.score} if is_whole else None
        case _:
            return _label_and_table(servable, contract, sample)


def _value(contract: Contract, value: Any) -> Examples | None:
    if contract.targets is None:
        return {"value": value[0] if isinstance(value, list) else value}
    if not isinstance(value, list) or len(value) != len(contract.targets):
        return None
    return {"values": dict(zip(contract.targets, value, strict=True))}


def _label_and_table(servable: Servable, contract: Contract, sample: Sample) -> Examples | None:
    name = servable.table_name
    if table_output(contract) is None:
        return {"label": sample.label, name: None}
    numbers = sample.distances if name == "distances" else sample.probabilities
    if numbers is None:
        return None
    table = dict(zip(servable.class_keys or [], numbers, strict=True))
    return {"label": sample.label, name: table}


def _labels(servable: Servable, sample: Sample) -> Examples | None:
    """Return the prediction of several labels."""
    targets, labels = servable.targets, sample.label
    tables = sample.probabilities or [None] * len(targets)
    if not isinstance(labels, list):
        return None
    by_target: dict[str, Any] = {}
    for target, table in zip(targets, tables, strict=True):
        if (table is None) != (target.probabilities is None):
            return None
        numbers = table if isinstance(table, list) else None
        by_target[target.name] = numbers and dict(zip(target.keys, numbers, strict=True))
    named = dict(zip((target.name for target in targets), labels, strict=True))
    has_tables = any(target.probabilities is not None for target in targets)
    return {"labels": named, "probabilities": by_target if has_tables else None}


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
