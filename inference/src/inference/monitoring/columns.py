"""Served requests of one servable as arrays: a column for each feature, and the answers.

All requests of a batch are converted together, since a conversion costs more per call than per row.
"""

from __future__ import annotations

from functools import cached_property
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.model.answers.tensors import answer_tensors
from inference.model.feature_rules import rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.monitoring.served import ServedBatch
    from inference.telemetry.timing import Answered

Array = np.ndarray[Any, Any]

_INT64_RANGE = -(2.0**63), 2.0**63


class Column(NamedTuple):
    """The values of one feature or of one output.

    Attributes:
        values: One for each row; shape ``[rows]``, or ``[rows, width]`` for an output with several
            values in a row. What stands for a missing value has no meaning.
        missing: Whether a value is missing; shape ``[rows]``.
    """

    values: Array
    missing: Array


class FeatureColumns:
    """Finds the values of features in the arrays that a graph is run with.

    Args:
        features: All features of a model.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._places: dict[tuple[str, str], int] = {}
        widths: dict[str, int] = {}
        for feature in features:
            place = widths.get(feature.input, 0)
            widths[feature.input] = place + 1
            self._places[feature.input, feature.name] = place

    def find(self, feature: Feature, inputs: Mapping[str, Array]) -> Column:
        """Return the values of a feature.

        Args:
            feature: The feature.
            inputs: An array for each input of the graph, with a row for each row.

        Returns:
            Numbers as float64, integers as int64 (as float64 where one is missing or beyond 64
            bits), booleans as bool, categories as objects of ``str``, or as integers.
        """
        array = inputs[feature.input]
        if array.ndim > 1:
            array = array[:, self._places[feature.input, feature.name]]
        if array.dtype == np.object_:
            missing = array == "" if feature.nullable else np.zeros(len(array), dtype=bool)
            return Column(array, np.asarray(missing, dtype=bool))
        missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), dtype=bool)
        if feature.kind == "boolean":
            return Column(np.where(missing, 0, array).astype(bool), missing)
        if int in rule_of(feature).types and float not in rule_of(feature).types:
            return Column(_to_integers(array), missing)
        return Column(array.astype(np.float64), missing)


class ServedTable:
    """The rows and answers of served requests of one servable, with a model of rows.

    Args:
        servable: What answered.
        batch: The requests. Those are left out whose arrays do not have one row for each row asked.

    Attributes:
        batch: The requests that are in the table, in order.
        counts: The rows of each.
        rows: All rows.
    """

    def __init__(self, servable: Servable, batch: ServedBatch) -> None:
        self._servable = servable
        self._is_alike = _are_alike(batch.answered)
        if not self._is_alike:
            places = [n for n in range(len(batch)) if _is_tabular(batch, n)]
            batch = batch if len(places) == len(batch) else batch.choose(places)
        self.batch = batch
        self.counts = batch.rows
        self.rows = sum(self.counts)
        self._answered = batch.answered
        self._inputs: dict[str, Array] | None = None
        self._features = FeatureColumns(servable.features or ())

    @property
    def inputs(self) -> dict[str, Array]:
        """An array for each input of the graph, as in a run with all rows."""
        if self._inputs is None:
            self._inputs = self._stack_inputs()
        return self._inputs

    def feature(self, feature: Feature) -> Column:
        """Return the values of a feature; see :meth:`FeatureColumns.find`."""
        return self._features.find(feature, self.inputs)

    def output(self, name: str) -> Column | None:
        """Return the values of an output, as the graph gives them.

        Returns:
            Missing where the caller did not ask for this output, or where its values are not one
            row for each row asked; ``None`` if no request has it.
        """
        parts = list(self._parts(name))
        known = [values for values, _ in parts if values is not None]
        if not known or len({values.shape[1:] for values in known}) > 1:
            return None
        first = known[0]
        if len(parts) == 1:
            return Column(first, np.zeros(len(first), dtype=bool))
        arrays = [
            np.zeros((rows, *first.shape[1:]), first.dtype) if values is None else values
            for values, rows in parts
        ]
        missing = [np.full(rows, values is None) for values, rows in parts]
        return Column(np.concatenate(arrays), np.concatenate(missing))

    def answers(self) -> dict[str, Column]:
        """Return the outputs that hold the answer, by name; see :func:`answer_tensors`.

        Labels are the codes of the graph.
        """
        contract = self._servable.contract
        if contract is None:
            names = self._answered[0][2] if self._answered else ()
        else:
            names = [tensor.name for tensor in answer_tensors(contract)]
        found = ((name, self.output(name)) for name in names)
        return {name: column for name, column in found if column is not None}

    @cached_property
    def _groups(self) -> list[tuple[tuple[Sequence[str], bool], list[Sequence[Any]]]]:
        """The results of neighbors with the same outputs."""
        if self._is_alike:
            _, _, outputs, results, _ = zip(*self._answered, strict=True)
            return [((outputs[0], True), list(results))]
        groups = [list(group) for _, group in groupby(self._answered, key=_layout)]
        return [((group[0][2], _is_row(group[0])), [one[3] for one in group]) for group in groups]

    def _stack_inputs(self) -> dict[str, Array]:
        columns = self._servable.columns
        if columns is None:
            raise ValueError(f"model '{self._servable.name}' takes tensors, not rows")
        if self._is_alike:
            return columns.to_feeds([answered[0] or () for answered in self._answered])
        parts: list[Any] = []
        for is_row, group in groupby(self._answered, key=_is_row):
            if is_row:
                parts.append(columns.to_feeds([one[0] or () for one in group]))
            else:
                parts += [one[1] for one in group]
        if not parts:
            return {}
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _parts(self, name: str) -> Iterator[tuple[Array | None, int]]:
        """Return the values of an output in pieces, and the rows of each piece."""
        begin = 0
        for (outputs, is_row), results in self._groups:
            rows = self.counts[begin : begin + len(results)]
            begin += len(results)
            at = outputs.index(name) if name in outputs else None
            if at is None:
                yield None, sum(rows)
            elif is_row:
                values = list(map(itemgetter(at), results))
                yield _flatten(_to_array(values), len(values)), len(values)
            else:
                yield from _join([result[at] for result in results], rows)


def _flatten(result: Any, rows: int) -> Array | None:
    """Give a result the shape ``[rows]`` or ``[rows, width]``; ``None`` where it has no rows."""
    if not isinstance(result, np.ndarray) or result.shape[:1] != (rows,):
        return None
    values = result.reshape(rows, -1)
    return values[:, 0] if values.shape[1] == 1 else values


def _to_array(values: list[Any]) -> Array:
    """Make an array of plain values of single rows: numbers, strings, or lists of them."""
    first = values[0]
    if isinstance(first, list) and first and isinstance(first[0], float):
        width = len(first)
        if set(map(len, values)) == {width}:  # a quarter of the time that NumPy takes by itself
            numbers = np.fromiter(chain.from_iterable(values), np.float64, len(values) * width)
            return numbers.reshape(len(values), width)
    text = isinstance(np.ravel(first)[0], str)
    return np.array(values, object if text else None)


def _join(results: list[Any], rows: list[int]) -> Iterator[tuple[Array | None, int]]:
    """Return the values of one output of several requests, together where they are alike."""
    first = results[0]
    if isinstance(first, np.ndarray) and all(
        isinstance(result, np.ndarray)
        and result.shape[:1] == (count,)
        and result.shape[1:] == first.shape[1:]
        for result, count in zip(results, rows, strict=True)
    ):
        total = sum(rows)
        yield _flatten(np.concatenate(results), total), total
        return
    for result, count in zip(results, rows, strict=True):
        yield _flatten(result, count), count


def _layout(answered: Answered) -> object:
    """Return what is equal for answers that can be put together.

    Fast paths of the same outputs give them in forms of their own, such as a label or a list of
    one; each has its own sequence of names.
    """
    return id(answered[2]) if _is_row(answered) else tuple(answered[2])


def _is_row(answered: Answered) -> bool:
    return answered[0] is not None


def _are_alike(answered: list[Answered]) -> bool:
    """Whether all are single rows with the same outputs, as in the common batch."""
    if not answered:
        return False
    rows, _, outputs, _, _ = zip(*answered, strict=True)
    return None not in rows and len(set(map(id, outputs))) == 1


def _is_tabular(batch: ServedBatch, place: int) -> bool:
    """Whether each array of a request has one row for each row asked."""
    row, feeds, _, _, _ = batch.answered[place]
    if row is not None or feeds is None:
        return row is not None
    return all(array.ndim and len(array) == batch.rows[place] for array in feeds.values())


def _to_integers(array: Array) -> Array:
    """Return whole numbers as int64 where all of them are."""
    if array.dtype.kind == "f":
        low, high = _INT64_RANGE
        fits = bool(np.all((array >= low) & (array < high)))  # also false where one is missing
        return array.astype(np.int64) if fits else array.astype(np.float64)
    return array.astype(np.int64) if array.dtype != np.uint64 else array
