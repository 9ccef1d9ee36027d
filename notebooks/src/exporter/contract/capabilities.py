"""What a model accepts beyond its training values: nulls and unknown categories.

Capabilities are tested, not derived from the pipeline's steps: a null or an unknown category is
allowed only if the original and the ONNX file both accept it, with equal answers.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from exporter.conversion.parity import run
from exporter.conversion.ties import compare_with_ties
from exporter.data.forms import copy_rows
from exporter.data.inner_estimators import encoded_categories, guesses_categories
from exporter.data.table import stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.conversion.converter import Conversion
    from exporter.conversion.parity import Comparison
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Column, Table
    from inference.model.contract import Scalar

_UNSEEN_TEXT = "\u2047 never seen in training"
_MAX_CATEGORIES = 1000
_KNOWN_ROWS = 32
_MOST_FAILURES = 40  # of steps that are asked about many rows with nulls


@dataclass(frozen=True)
class Capabilities:
    """What one feature accepts.

    Attributes:
        nullable: Whether ``null`` is taken.
        closed: Whether values other than those in ``X``, and not only smaller ones than all of
            these, make the original fail.
        also: Values that ``X`` does not have and that a closed feature takes all the same, since an
            encoder was given them.
    """

    nullable: bool = False
    closed: bool = False
    also: tuple[Scalar, ...] = ()


class CapabilityFinder:
    """Tests which nulls and unknown values the original and the ONNX file accept.

    Args:
        original: The fitted model.
        conversion: The ONNX file.
        base: Ordinary rows, which are changed in one value for each test.
        tolerance: The difference of a probability or value that is accepted.
    """

    def __init__(
        self, original: FittedEstimator, conversion: Conversion, base: Table, tolerance: float
    ) -> None:
        self._original = original
        self._conversion = conversion
        self._base = base
        self._tolerance = tolerance

    def find(self, columns: dict[int, Column]) -> dict[int, Capabilities]:
        """Find out what each feature takes.

        Args:
            columns: All values of each feature, by the feature's place in the table.
        """
        nullable = self._find_nullable(list(columns))
        closed = self._find_closed(columns)
        also = {i: self._find_known(i, columns[i]) for i in closed}
        return {
            i: Capabilities(nullable=i in nullable, closed=i in closed, also=also.get(i, ()))
            for i in columns
        }

    def takes_nulls_together(self, indices: list[int]) -> bool:
        """Whether rows with nulls in all these features are answered alike, too."""
        table = self._base
        for index in indices:
            table = table.with_value(index, None)
        return self._agree(table)

    def _find_nullable(self, indices: list[int]) -> set[int]:
        # All at once where the original takes it, which is a single call; else one by one.
        likely = self._not_refused_late(indices, [_MOST_FAILURES])
        found = self._agree_on_nulls(likely)
        if found is not None:
            return found
        return {i for i in likely if self._agree(self._base.with_value(i, None))}

    def _agree_on_nulls(self, indices: list[int]) -> set[int] | None:
        if not indices:
            return set()
        comparison = self._compare(self._base.with_nulls(indices))
        if comparison is None:
            return None
        good: Any = comparison.equal & (comparison.differences <= self._tolerance)
        per_block = good.reshape(len(indices), -1).all(axis=1)
        return {i for i, holds in zip(indices, per_block, strict=True) if holds}

    def _not_refused_late(self, indices: list[int], failures_left: list[int]) -> list[int]:
        """Leave out the columns whose nulls the last steps of a pipeline refuse.

        The steps before them see all rows at once: a wide table costs them most of the time. Where
        they refuse some of the rows, these are searched for by halves.
        """
        model = self._original.model
        if not isinstance(model, Pipeline):
            return indices
        rows = self._base.take([0]).with_nulls(indices).native
        for count in range(len(model) - 1, 0, -1):
            with contextlib.suppress(Exception):  # whatever a step raises: try those before it
                between = model[:count].transform(copy_rows(rows))
                between = between.to_numpy() if hasattr(between, "to_numpy") else between
                return _list_accepted(model[count:], between, indices)
        failures_left[0] -= 1
        if len(indices) == 1 or failures_left[0] <= 0:
            return indices
        middle = len(indices) // 2
        halves = indices[:middle], indices[middle:]
        return [i for half in halves for i in self._not_refused_late(half, failures_left)]

    def _find_closed(self, columns: dict[int, Column]) -> set[int]:
        texts = {i for i, column in columns.items() if column.kind == "text"}
        # Open needs more than an answer: the same one from both.
        closed = texts
        if not guesses_categories(self._original.model):
            closed = {i for i in texts if not self._agree(self._base.with_value(i, _UNSEEN_TEXT))}
        encoded = encoded_categories(self._original.model)
        blocks = {
            i: [self._base.with_value(i, value) for value in _unseen_numbers(column, encoded)]
            for i, column in columns.items()
            if i not in texts and _is_whole(column)
        }
        if not blocks or self._original_answers(
            stack([b for each in blocks.values() for b in each])
        ):
            return closed
        refused = {i for i, each in blocks.items() if not all(map(self._original_answers, each))}
        return closed | refused

    def _find_known(self, index: int, column: Column) -> tuple[Scalar, ...]:
        """Find the values that X does not have, but that an encoder knows."""
        seen = set(column.to_scalars())
        candidates = {
            value
            for known in encoded_categories(self._original.model)
            if seen - {None} <= known
            for value in known - seen
        }
        chosen = sorted(candidates, key=repr)[:_MAX_CATEGORIES]
        base = self._base.take(range(min(len(self._base), _KNOWN_ROWS)))
        blocks = [base.with_value(index, value) for value in chosen]
        if not blocks or self._agree(stack(blocks)):
            return tuple(chosen)
        pairs = zip(chosen, blocks, strict=True)
        return tuple(value for value, block in pairs if self._agree(block))

    def _original_answers(self, table: Table) -> bool:
        return self._ask_original(table) is not None

    def _ask_original(self, table: Table) -> Answers | None:
        try:
            return self._original.answer(table.native)
        except Exception:  # noqa: BLE001 - any failure means that it does not take the value
            return None

    def _agree(self, table: Table) -> bool:
        comparison = self._compare(table)
        return comparison is not None and comparison.holds

    def _compare(self, table: Table) -> Comparison | None:
        expected = self._ask_original(table)
        if expected is None:
            return None
        try:
            given = run(self._conversion, self._original, table)
            return compare_with_ties(
                self._original, self._conversion, (table, expected), given, self._tolerance
            )
        except Exception:  # noqa: BLE001 - as above
            return None


def _list_accepted(rest: Pipeline, rows: Any, indices: list[int]) -> list[int]:
    """List those of the indices whose row is accepted."""
    ask = rest.predict if hasattr(rest, "predict") else rest.transform
    likely = list(enumerate(indices))
    if isinstance(rows, np.ndarray) and rows.dtype.kind == "f":
        holed: Any = np.isnan(rows).any(axis=1)
        # Where an estimator says that it takes no gap and refuses one, it refuses them all.
        if holed.any() and not get_tags(rest).input_tags.allow_nan:
            first = int(np.argmax(holed))
            if not _succeeds(ask, rows[first : first + 1]):
                likely = [pair for pair in likely if not holed[pair[0]]]
    if _succeeds(ask, rows[[row for row, _ in likely]]):
        return [index for _, index in likely]
    return [index for row, index in likely if _succeeds(ask, rows[row : row + 1])]


def _succeeds(call: Callable[[Any], Any], rows: Any) -> bool:
    try:
        call(rows)
    except Exception:  # noqa: BLE001 - any failure means that it does not take the rows
        return False
    return True


def _is_whole(column: Column) -> bool:
    values = column.present
    if column.is_boolean:
        return False
    if column.kind == "integer":
        return True
    if column.kind != "number" or len(values) == 0:
        return False
    few = len(np.unique(values)) <= _MAX_CATEGORIES
    return few and bool(np.all(np.mod(values, 1) == 0)) and bool(np.abs(values).max() < 2**53)


def _unseen_numbers(column: Column, encoded: Sequence[set[Scalar]]) -> list[Scalar]:
    """Return whole numbers that no encoder of the column knows: above the largest, and in a gap.

    There is none below the smallest: a step that computes, such as a logarithm, may refuse it
    although it takes every number above.
    """
    seen: Any = np.unique(column.present)
    for known in encoded:
        if known.issuperset(seen.tolist()):
            seen = np.union1d(seen, [value for value in known if not isinstance(value, str)])
    gaps = seen[:-1][np.diff(seen) > 1]
    return [v.item() for v in [seen[-1] + 1, *(gaps[:1] + 1)]]
