"""The columns of an answer, by the kind of answer that a servable gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inference.model.labels import label_key
from inference.model.outputs import is_labelled_table
from inference.monitoring.log.rows.schema import Column, number_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from inference.model.contract import Contract, Label
    from inference.model.labels import LabelDecoder
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec
    from inference.monitoring.log.rows.schema import Kind, Names

# As the columns of a table of answers in the notebook.
_PREFIXES = {"probabilities": "p_", "scores": "score_", "distances": "distance_"}


class AnswerColumn(NamedTuple):
    """One column of an answer.

    Attributes:
        column: The column.
        output: The output that has its values.
        place: Which of several values in a row.
        decoder: Turns the graph's codes into labels.
        is_truth: Whether the truth is compared with it.
    """

    column: Column
    output: str
    place: int | None = None
    decoder: LabelDecoder | None = None
    is_truth: bool = False

    def choose(self, values: np.ndarray[Any, Any]) -> Any:
        """Return the values of this column, of all values of its output.

        Returns:
            ``None`` if the output has another shape, as that of a file without contract may have.
        """
        if self.place is not None and values.ndim > 1:
            if self.place >= values.shape[1]:
                return None
            values = values[:, self.place]
        if values.ndim > 1 and self.column.kind not in ("floats", "doubles"):
            return None
        if self.decoder is None:
            return values
        labels = self.decoder.decode_all(values)
        if self.column.kind != "text":
            return labels
        if set(map(type, labels)) == {str}:
            return labels
        return [label if isinstance(label, str) else label_key(label) for label in labels]


def answer_columns(servable: Servable, names: Names) -> Iterator[AnswerColumn]:
    """Return the columns of a servable's answers; their names are taken from then on."""
    contract = servable.contract
    if contract is None:
        return _foreign(servable, names)
    match contract.task:
        case "regression":
            return _values(servable, contract, names)
        case "transformation":
            return _vector(servable, contract, names)
        case "multioutput_classification":
            return _several_labels(servable, contract, names)
        case _:
            return _label(servable, contract, names)


def _label(servable: Servable, contract: Contract, names: Names) -> Iterator[AnswerColumn]:
    outputs, is_truth = contract.outputs, contract.task != "clustering"
    column = Column(names.add("label", "answer"), label_kind(contract.classes or ()))
    yield AnswerColumn(column, outputs.label, None, servable.labels, is_truth)
    if outputs.score is not None:
        yield _number(servable, outputs.score, names.add("score", "answer"))
    for output, prefix in (
        (outputs.probabilities, _PREFIXES[servable.table_name]),
        (outputs.distances, _PREFIXES["distances"]),
    ):
        if output is not None:
            yield from _table(servable, output, prefix, servable.class_keys or (), names)


def _several_labels(servable: Servable, contract: Contract, names: Names) -> Iterator[AnswerColumn]:
    for target, described in zip(servable.targets, contract.labels or (), strict=True):
        name = names.add(f"label_{target.name}", "answer")
        column = Column(name, label_kind(described.classes))
        yield AnswerColumn(column, target.label, None, target.decoder, is_truth=True)
    for target in servable.targets:
        if target.probabilities is not None:
            prefix = f"p_{target.name}_"
            yield from _table(servable, target.probabilities, prefix, target.keys, names)


def _values(servable: Servable, contract: Contract, names: Names) -> Iterator[AnswerColumn]:
    output = contract.outputs.label
    if contract.targets is None:
        yield _number(servable, output, names.add("value", "answer"))._replace(is_truth=True)
        return
    for target in _table(servable, output, "value_", contract.targets, names):
        yield target._replace(is_truth=True)


def _vector(servable: Servable, contract: Contract, names: Names) -> Iterator[AnswerColumn]:
    output = contract.outputs.label
    name = names.add("vector", "answer")
    yield AnswerColumn(Column(name, _list_kind(servable.signature.output(output))), output)


def _foreign(servable: Servable, names: Names) -> Iterator[AnswerColumn]:
    known = [spec for spec in servable.signature.outputs if spec.has_known_elements]
    specs = [s for s in known if servable.row_outputs is None or s.name in servable.row_outputs]
    if is_labelled_table(servable.signature) and len(specs) == 2:
        label, table = specs
        yield AnswerColumn(
            Column(names.add("label", "answer"), number_kind(label.dtype)),
            label.name,
            decoder=servable.labels,
        )
        keys = servable.class_keys or ()
        yield from _table(servable, table.name, _PREFIXES[servable.table_name], keys, names)
        return
    for spec in specs:
        is_column = len(spec.shape) == 1 or spec.shape[1:] == (1,)
        kind = number_kind(spec.dtype)
        if is_column or kind != "text":  # a matrix of texts is left out
            kind = kind if is_column else _list_kind(spec)
            yield AnswerColumn(Column(names.add(f"output_{spec.name}", "answer"), kind), spec.name)


def _table(
    servable: Servable, output: str, prefix: str, keys: Sequence[str], names: Names
) -> Iterator[AnswerColumn]:
    for place, key in enumerate(keys):
        yield _number(servable, output, names.add(f"{prefix}{key}", "answer"), place)


def _number(servable: Servable, output: str, name: str, place: int | None = None) -> AnswerColumn:
    spec = servable.signature.output(output)
    kind = number_kind(None if spec is None else spec.dtype)
    return AnswerColumn(Column(name, "double" if kind == "text" else kind), output, place)


def _list_kind(spec: TensorSpec | None) -> Kind:
    return "floats" if spec is not None and number_kind(spec.dtype) == "float" else "doubles"


def label_kind(classes: Sequence[Label]) -> Kind:
    """Return the type of a column of labels; of several types all are texts."""
    kinds = {type(label) for label in classes}
    names: dict[type, Kind] = {bool: "boolean", int: "integer", float: "double"}
    return names.get(kinds.pop(), "text") if len(kinds) == 1 else "text"
