"""Arrays to answer, by the kind of answer that a servable gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.model.answers.tensors import answer_tensors
from inference.model.outputs import is_labelled_table
from inference.serving.answers.calibrated import WithInterval, WithLabelSet
from inference.serving.answers.foreign import OutputsByName
from inference.serving.answers.labels import LabelAndScore, LabelAndTable
from inference.serving.answers.numbers import Values, Vector
from inference.serving.answers.several_labels import SeveralLabels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inference.model.servable import Servable
    from inference.serving.answers.kind import AnswerKind

_NO_CONTRACT = "this model has no contract: its features are positional and its ranges are unknown"


class AnswerBuilder:
    """Builds one servable's answers.

    Args:
        servable: The model to run.

    Attributes:
        outputs: Names of the ONNX outputs to run for.
        notes: Warnings that every answer carries.
        count_labels: Counts each predicted class in the values of :attr:`outputs`; returns ``None``
            where there are no classes.
    """

    def __init__(self, servable: Servable) -> None:
        self.notes: list[Any] = []
        if servable.contract is None:
            self.notes.append({"row": None, "feature": None, "reason": _NO_CONTRACT})
        kind = _kind_of(servable)
        self.outputs = kind.outputs
        self._build, self._records = kind.predictions, kind.records
        self.count_labels: Callable[[list[Any]], Mapping[Any, int] | None] = kind.count_labels

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

    def records(self, results: list[Any], rows: int | None = None) -> list[Any]:
        """Build predictions faster for many rows, as records with the same encoding.

        Args and Raises are those of :meth:`predictions`.
        """
        records = self._records(results)
        if records is None:
            return self.predictions(results, rows)
        if rows is not None and len(records) != rows:
            raise ValueError(f"there are {len(records)} values for {rows} rows")
        return records


def is_classifier(servable: Servable) -> bool:
    """Whether rows are answered with a label and a number for each class."""
    return is_labelled_table(servable.signature) and len(_names_of_outputs(servable)) == 2


def _kind_of(servable: Servable) -> AnswerKind:
    kind, contract = _uncalibrated(servable), servable.contract
    if contract is None or contract.calibration is None:
        return kind
    if contract.task == "regression":
        return WithInterval(kind, contract.targets, contract.calibration)
    return WithLabelSet(kind, contract.classes or [], contract.calibration)


def _uncalibrated(servable: Servable) -> AnswerKind:
    contract = servable.contract
    if contract is None:
        names = _names_of_outputs(servable)
        return LabelAndTable(servable, names) if is_classifier(servable) else OutputsByName(names)
    names = [tensor.name for tensor in answer_tensors(contract)]
    match contract.task:
        case "regression":
            return Values(names[0], contract.targets)
        case "transformation":
            return Vector(names[0], len(contract.targets or ()))
        case "outlier_detection":
            return LabelAndScore(servable, names)
        case "multioutput_classification":
            return SeveralLabels(servable, names)
        case _:
            return LabelAndTable(servable, names)


def _names_of_outputs(servable: Servable) -> list[str]:
    """Return the outputs that answer rows, of a file without contract."""
    known = [spec.name for spec in servable.signature.outputs if spec.has_known_elements]
    kept = servable.row_outputs
    return [name for name in known if kept is None or name in kept]
