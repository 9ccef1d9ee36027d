"""The contributions of features to one answer, exact or sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.errors import ConflictError
from inference.explain.coalitions import Composer
from inference.explain.permutations import sampled_values
from inference.explain.pieces import Pieces
from inference.explain.shapley import Contrast, exact_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.explain.explained import Explained
    from inference.explain.shapley import Array
    from inference.model.servable import Servable
    from inference.serving.dispatcher import Run

MAX_MODEL_ROWS = 65_536  # for one record
_MAX_NUMBERS = 8 * 1024 * 1024  # that these rows may have as answers


class Contributions(NamedTuple):
    """The contributions to one answer.

    Attributes:
        values: Shape ``[features, outputs]``.
        errors: Their standard errors, likewise; ``None`` where the values are exact.
        rows: The rows that were run for them.
    """

    values: Array
    errors: Array | None
    rows: int

    @property
    def method(self) -> str:
        """How they were computed."""
        return "exact" if self.errors is None else "sampled"


class Attribution:
    """Computes the contributions for one servable; keeps only parts of it.

    Args:
        servable: A model with a contract.
        background: Its background rows.
        explained: Which numbers are explained.
    """

    def __init__(self, servable: Servable, background: list[Any], explained: Explained) -> None:
        self._composer = Composer(servable, background)
        self._pieces = Pieces()
        self._explained = explained
        self._name = f"model '{servable.name}', version {servable.version},"
        self._features = len(servable.features or ())
        self._base: Array | None = None

    def base(self, run: Run) -> Array:
        """Return the answers to the background, shape ``[background rows, outputs]``.

        Raises:
            ConflictError: They have no finite mean.
        """
        if self._base is None:
            base = self._run(run, self._composer.background)
            with np.errstate(over="ignore", invalid="ignore"):
                is_finite = np.isfinite(base.mean(axis=0)).all()
            if not is_finite:
                raise ConflictError(
                    f"{self._name} cannot be explained: its answers to its background rows are "
                    "not finite. Publish the model again with rows that it answers with numbers"
                )
            self._base = base
        return self._base

    def contributions(
        self, run: Run, record: dict[str, Any], answer: Array, kept: slice | None = None
    ) -> Contributions:
        """Compute the contributions to one answer.

        Args:
            run: Runs the servable.
            record: Arrays of one row.
            answer: The explained numbers of its answer, shape ``[outputs]``.
            kept: Which outputs to explain; ``None`` for all.

        Raises:
            ConflictError: The answers to the background have no finite mean.
            TooLargeError: Runs of few rows take too much memory, too.
        """
        base = self.base(run)
        outputs = base.shape[1]  # the model answers with all, also where one is kept
        most = min(MAX_MODEL_ROWS, max(1, _MAX_NUMBERS // outputs))
        self._pieces.grow()
        if kept is not None:
            base, answer = base[:, kept], answer[kept]
        differs = self._composer.differences(record)
        # A feature that has the same value everywhere contributes nothing.
        active = np.flatnonzero(differs.any(axis=0))
        values = np.zeros((self._features, len(answer)))
        if not len(active):
            return Contributions(values, None, 0)

        def evaluate(count: int, rows_of: Callable[[slice], tuple[Array, Array]]) -> Array:
            answers = np.empty((count, len(answer)))

            def fill(part: slice) -> None:
                some, index = rows_of(part)
                own = np.zeros((len(some), self._features), dtype=bool)
                own[:, active] = some
                numbers = self._run(run, self._composer.compose(record, own, index))
                answers[part] = numbers if kept is None else numbers[:, kept]

            self._pieces.run(count, self._composer.most_rows(record, outputs), fill)
            return answers

        contrast = Contrast(differs[:, active], base, answer)
        if len(active) == 1 or self._composer.rows << len(active) <= most:
            values[active], rows = exact_values(contrast, evaluate)
            return Contributions(values, None, rows)
        spans = self._explained.spans(base, answer)
        sampled = sampled_values(contrast, evaluate, spans=spans, max_rows=most)
        errors = np.zeros_like(values)
        values[active], errors[active] = sampled.contributions, sampled.errors
        return Contributions(values, errors, sampled.rows)

    def _run(self, run: Run, feeds: dict[str, Any]) -> Array:
        (result,) = run([self._explained.output_name], feeds)
        return self._explained.numbers(result)
