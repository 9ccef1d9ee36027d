"""Served requests of one servable as arrays: a column for each feature, and the answers.

All requests of a batch are converted together, since a conversion costs more per call than per row.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.model.answers.tensors import answer_tensors
from inference.model.feature_rules import rule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.monitoring.served import Served

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


class ServedTable:
    """The rows and answers of served requests of one servable, with a model of rows.

    Args:
        servable: What answered.
        batch: The requests. Those are left out whose arrays do not have one row for each row asked.

    Attributes:
        served: The requests that are in the table, in order.
        counts: The rows of each.
        rows: All rows.
    """

    def __init__(self, servable: Servable, batch: Iterable[Served]) -> None:
        self._servable = servable
        self.served = [served for served in batch if _is_tabular(served)]
        self.counts = [served.rows for served in self.served]
        self.rows = sum(self.counts)
        self._inputs: dict[str, Array] | None = None

    @property
    def inputs(self) -> dict[str, Array]:
        """An array for each input of the graph, as in a run with all rows."""
        if self._inputs is None:
            self._inputs = self._stack_inputs()
        return self._inputs

    def feature(self, feature: Feature) -> Column:
        """Return the values of a feature.

        Returns:
            Numbers as float64, integers as int64 (as float64 where one is missing or beyond 64
            bits), booleans as bool, categories as objects of ``str``, or as integers.
        """
        array = self.inputs[feature.input]
        if array.ndim > 1:
            array = array[:, self._place(feature)]
        if array.dtype == np.object_:
            missing = array == "" if feature.nullable else np.zeros(len(array), dtype=bool)
            return Column(array, np.asarray(missing, dtype=bool))
        missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), dtype=bool)
        if feature.kind == "boolean":
            return Column(np.where(missing, 0, array).astype(bool), missing)
        if int in rule_of(feature).types and float not in rule_of(feature).types:
            return Column(_to_integers(array), missing)
        return Column(array.astype(np.float64), missing)

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
            names = self.served[0].outputs if self.served else ()
        else:
            names = [tensor.name for tensor in answer_tensors(contract)]
        found = ((name, self.output(name)) for name in names)
        return {name: column for name, column in found if column is not None}

    def _place(self, feature: Feature) -> int:
        alike = (f.name for f in self._servable.features or () if f.input == feature.input)
        return list(alike).index(feature.name)

    def _stack_inputs(self) -> dict[str, Array]:
        columns = self._servable.columns
        if columns is None:
            raise ValueError(f"model '{self._servable.name}' takes tensors, not rows")
        parts: list[Any] = []
        for is_row, group in groupby(self.served, key=lambda served: served.row is not None):
            if is_row:
                parts.append(columns.to_feeds([served.row or () for served in group]))
            else:
                parts += [served.feeds for served in group]
        if not parts:
            return {}
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _parts(self, name: str) -> Iterator[tuple[Array | None, int]]:
        """Return the values of an output in pieces, and the rows of each piece."""
        for (outputs, is_row), group in groupby(self.served, key=_layout):
            at = outputs.index(name) if name in outputs else None
            if at is None:
                yield None, sum(served.rows for served in group)
            elif is_row:
                values = [_result(served, at) for served in group]
                text = isinstance(np.ravel(values[0])[0], str)
                yield _flatten(np.array(values, object if text else None), len(values)), len(values)
            else:
                for served in group:
                    yield _flatten(_result(served, at), served.rows), served.rows


def _flatten(result: Any, rows: int) -> Array | None:
    """Give a result the shape ``[rows]`` or ``[rows, width]``; ``None`` where it has no rows."""
    if not isinstance(result, np.ndarray) or result.shape[:1] != (rows,):
        return None
    values = result.reshape(rows, -1)
    return values[:, 0] if values.shape[1] == 1 else values


def _layout(served: Served) -> tuple[Sequence[str], bool]:
    return served.outputs, served.row is not None


def _result(served: Served, at: int) -> Any:
    return None if served.results is None else served.results[at]


def _is_tabular(served: Served) -> bool:
    """Whether each array has one row for each row asked."""
    if served.feeds is None:
        return served.row is not None
    return all(array.ndim and len(array) == served.rows for array in served.feeds.values())


def _to_integers(array: Array) -> Array:
    """Return whole numbers as int64 where all of them are."""
    if array.dtype.kind == "f":
        low, high = _INT64_RANGE
        fits = bool(np.all((array >= low) & (array < high)))  # also false where one is missing
        return array.astype(np.int64) if fits else array.astype(np.float64)
    return array.astype(np.int64) if array.dtype != np.uint64 else array
