"""How far the answers of two versions to the same rows differ.

Labels are compared after they have got their types, and numbers by class by the names of the
classes: versions may have other classes, or the same in another order. A class that only one of
them has counts as 0 in the other, and so does a number that is not finite: a version that answers
NaN where the other one has a number is as far from it as can be said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.model.answers.tensors import answer_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference.model.servable import Servable
    from inference.monitoring.columns import Column

Array = np.ndarray[Any, Any]


class Difference(NamedTuple):
    """What was found, over all rows.

    Attributes:
        rows: Rows that were compared: those whose caller asked for a label, or of answers without
            labels for a number.
        different: Rows with another label; 0 of answers without labels.
        difference: The largest difference of a number in each row, added up.
        size_of_old: The mean absolute value of the old answer, added up over the rows; 0 of answers
            with labels.
    """

    rows: int
    different: float = 0.0
    difference: float = 0.0
    size_of_old: float = 0.0


def answer_outputs(servable: Servable) -> list[str]:
    """Return the outputs that hold the answer of a servable."""
    if servable.contract is None:
        return [spec.name for spec in servable.signature.outputs if spec.has_known_elements]
    return [tensor.name for tensor in answer_tensors(servable.contract)]


def compare(
    old: Servable,
    new: Servable,
    answers: Mapping[str, Column],
    results: Sequence[Any],
    rows: int,
) -> Difference:
    """Compare answers.

    Args:
        old: What has answered.
        new: The shadow.
        answers: The old answers by output, see :meth:`ServedTable.answers`.
        results: The values of the shadow's :func:`answer_outputs`.
        rows: How many rows.

    Raises:
        ValueError: The answers have nothing in common, such as a label and a value, or the shadow
            has answered another number of rows.
    """
    pairs = _pairs(old, new)
    if not pairs:
        raise ValueError(f"its answers have nothing in common with those of version {old.version}")
    found = dict(zip(answer_outputs(new), results, strict=True))
    has_labels = any(is_label for *_, is_label in pairs)
    compared, differs = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    largest, size = np.zeros(rows), np.zeros(rows)
    for ours, theirs, is_label in pairs:
        column, result = answers.get(ours), found.get(theirs)
        if column is None or not isinstance(result, np.ndarray):
            continue
        if len(result) != rows:
            raise ValueError(f"output '{theirs}' has {len(result)} rows for {rows} rows")
        if is_label == has_labels:
            compared |= ~column.missing
        if is_label:
            one, two = _decode(old, ours, column.values), _decode(new, theirs, result)
            differs |= np.array([a != b for a, b in zip(one, two, strict=True)]) & ~column.missing
            continue
        before, after = _align(old, new, (ours, theirs), column.values, result)
        gaps = np.abs(before - after).max(axis=1)
        largest = np.maximum(largest, np.where(column.missing, 0.0, gaps))
        size += np.where(column.missing, 0.0, np.abs(before).mean(axis=1))
    return Difference(
        int(compared.sum()),
        float(differs.sum()),
        _finite_sum(largest[compared]),
        0.0 if has_labels else _finite_sum(size),
    )


def _pairs(old: Servable, new: Servable) -> list[tuple[str, str, bool]]:
    """Pair the outputs of both, and say which of them are labels."""
    if old.contract is None or new.contract is None:
        common = [name for name in answer_outputs(old) if name in answer_outputs(new)]
        labels = {
            s.name for s in new.signature.outputs if s.dtype is not None and s.dtype.kind != "f"
        }
        return [(name, name, name in labels) for name in common]
    if old.contract.task != new.contract.task:
        return []
    if old.targets:
        return _pairs_of_targets(old, new)
    theirs = {_place(tensor.content): tensor for tensor in answer_tensors(new.contract)}
    return [
        (tensor.name, theirs[_place(tensor.content)].name, tensor.role == "label")
        for tensor in answer_tensors(old.contract)
        if _place(tensor.content) in theirs
    ]


def _pairs_of_targets(old: Servable, new: Servable) -> list[tuple[str, str, bool]]:
    named = {target.name: target for target in new.targets}
    pairs = []
    for target in old.targets:
        other = named.get(target.name)
        if other is None:
            continue
        pairs.append((target.label, other.label, True))
        if target.probabilities is not None and other.probabilities is not None:
            pairs.append((target.probabilities, other.probabilities, False))
    return pairs


def _place(content: str) -> str:
    return "table" if content in ("probabilities", "distances") else content


def _decode(servable: Servable, output: str, codes: Array) -> list[Any]:
    codes = codes.reshape(len(codes), -1)[:, 0]
    for target in servable.targets:
        if target.label == output:
            return target.decoder.decode_all(codes)
    return servable.labels.decode_all(codes)


def _align(
    old: Servable, new: Servable, outputs: tuple[str, str], before: Array, after: Array
) -> tuple[Array, Array]:
    """Give both the same columns: by class or target where both have names for them."""
    before, after = _to_finite(before), _to_finite(after)
    names, others = _names(old, outputs[0]), _names(new, outputs[1])
    if names == others and before.shape == after.shape:
        return before, after
    if len(names) != before.shape[1] or len(others) != after.shape[1]:
        width = min(before.shape[1], after.shape[1])
        return before[:, :width], after[:, :width]
    union = list(dict.fromkeys([*names, *others]))
    return _spread(before, names, union), _spread(after, others, union)


def _to_finite(numbers: Array) -> Array:
    matrix = numbers.reshape(len(numbers), -1).astype(np.float64)
    return np.where(np.isfinite(matrix), matrix, 0.0)


def _names(servable: Servable, output: str) -> list[str]:
    contract = servable.contract
    if contract is not None and contract.targets:
        return list(contract.targets)
    return list(servable.keys_of(output) or ())


def _spread(numbers: Array, names: Sequence[str], union: Sequence[str]) -> Array:
    places = {name: place for place, name in enumerate(names)}
    spread = np.zeros((len(numbers), len(union)))
    for place, name in enumerate(union):
        if name in places:
            spread[:, place] = numbers[:, places[name]]
    return spread


def _finite_sum(values: Array) -> float:
    return float(values[np.isfinite(values)].sum())
