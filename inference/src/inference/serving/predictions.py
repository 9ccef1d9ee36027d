"""Arrays to answer: labels with their own types, probabilities by class."""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.model.outputs import is_labelled_table, row_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.servable import Servable

_NO_CONTRACT = "this model has no contract: its features are positional and its ranges are unknown"


class AnswerBuilder:
    """Builds one servable's answers.

    Args:
        servable: The model to run.

    Attributes:
        outputs: Names of the ONNX outputs to run for.
        notes: Warnings that every answer carries.
    """

    def __init__(self, servable: Servable) -> None:
        self._keys = servable.class_keys
        self._labels = servable.labels
        self._table_name = servable.table_name
        self.notes: list[Any] = []
        self.outputs: list[str]
        self._prediction: tuple[Any, Any] | None = None
        contract = servable.contract
        self._build: Callable[[list[Any], int], list[dict[str, Any]]]
        if contract is None:
            self.notes.append({"row": None, "feature": None, "reason": _NO_CONTRACT})
            self.outputs = _names_of_outputs(servable)
            self._build = self._foreign if not is_classifier(servable) else self._classified
        elif contract.task == "classification":
            probabilities = contract.outputs.probabilities
            self.outputs = [contract.outputs.label, *([probabilities] if probabilities else [])]
            self._build = self._classified
            self._prediction = _prediction_of(servable.class_keys, servable.table_name)
        else:
            self.outputs = [contract.outputs.label]
            self._targets = contract.targets
            self._build = self._regressed

    def predictions(self, results: list[Any], rows: int | None = None) -> list[dict[str, Any]]:
        """Build one prediction per row.

        Args:
            results: The values of :attr:`outputs`.
            rows: For how many rows; ``None`` for as many as the first result has.

        Raises:
            ValueError: The results have not one value for each row.
        """
        rows = len(results[0]) if rows is None else rows
        built = self._build(results, rows)
        if len(built) != rows:
            raise ValueError(f"there are {len(built)} values for {rows} rows")
        return built

    def count_labels(self, results: list[Any]) -> dict[Any, int] | None:
        """Count each predicted class; ``None`` where there are no classes."""
        if self._build != self._classified:
            return None
        return self._labels.count(results[0])

    def records(self, results: list[Any], rows: int | None = None) -> list[Any]:
        """Build predictions faster for many rows, as records with the same encoding."""
        if self._prediction is None or len(results) == 1 or isinstance(results[1], list):
            return self.predictions(results, rows)
        prediction, table = self._prediction
        labels, tables = self._labels.decode_all(_flat(results[0])), results[1].tolist()
        if len(labels) != len(tables):
            raise ValueError(f"{len(labels)} labels and {len(tables)} rows of probabilities")
        return list(map(prediction, labels, starmap(table, tables)))

    def _classified(self, results: list[Any], _: int) -> list[dict[str, Any]]:
        labels = self._labels.decode_all(_flat(results[0]))
        if len(results) == 1:
            return [{"label": label, "probabilities": None} for label in labels]
        return [
            {"label": label, self._table_name: table}
            for label, table in zip(labels, self._tables(results[1]), strict=True)
        ]

    def _tables(self, probabilities: Any) -> Sequence[dict[Any, float]]:
        if isinstance(probabilities, list):  # ZipMap's
            return probabilities
        keys = self._keys
        if keys is None or len(keys) != probabilities.shape[-1]:
            keys = [str(i) for i in range(probabilities.shape[-1])]
        return [dict(zip(keys, row, strict=True)) for row in probabilities.tolist()]

    def _regressed(self, results: list[Any], _: int) -> list[dict[str, Any]]:
        if self._targets is None:
            return [{"value": value} for value in _flat(results[0]).tolist()]
        targets = self._targets
        return [{"values": dict(zip(targets, row, strict=True))} for row in results[0].tolist()]

    def _foreign(self, results: list[Any], rows: int) -> list[dict[str, Any]]:
        columns = [row_values(value, rows) for value in results]
        return [
            {"outputs": dict(zip(self.outputs, row, strict=True))}
            for row in zip(*columns, strict=True)
        ]


def table_of(keys: Sequence[str]) -> type[msgspec.Struct]:
    """Make the type of a record of a number for each class.

    Raises:
        ValueError: The classes cannot be names of fields.
    """
    fields = [(f"p{i}", float, msgspec.field(name=key)) for i, key in enumerate(keys)]
    return msgspec.defstruct("Probabilities", fields, gc=False)


def _prediction_of(keys: Sequence[str] | None, name: str) -> tuple[Any, Any] | None:
    if not keys:
        return None
    try:
        table = table_of(keys)
    except ValueError:
        return None
    fields = [("label", Any), (name, table)]
    return msgspec.defstruct("Prediction", fields, gc=False), table


def is_classifier(servable: Servable) -> bool:
    """Whether rows are answered with a label and a number for each class."""
    return is_labelled_table(servable.signature) and len(_names_of_outputs(servable)) == 2


def _names_of_outputs(servable: Servable) -> list[str]:
    """Return the outputs that answer rows, of a file without contract."""
    known = [spec.name for spec in servable.signature.outputs if spec.has_known_elements]
    kept = servable.row_outputs
    return [name for name in known if kept is None or name in kept]


def _flat(values: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(values)
    return array[:, 0] if array.ndim > 1 and array.shape[1] == 1 else array
