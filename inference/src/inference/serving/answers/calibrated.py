"""Answers with how sure they are: intervals around values, and sets of labels.

See :class:`inference.model.contract.Calibration`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference.model.contract import Calibration, Label
    from inference.serving.answers.kind import AnswerKind


class WithLabelSet:
    """A label and its table, with the labels whose number is at least the threshold.

    The set is empty where no label reaches it, as on rows unlike those of the calibration.

    Args:
        kind: Makes the rest of the answer.
        classes: The labels, in the order of the table.
        calibration: Has the threshold.

    Attributes:
        outputs: Those of the kind.
        count_labels: Likewise.
    """

    def __init__(
        self, kind: AnswerKind, classes: Sequence[Label], calibration: Calibration
    ) -> None:
        self.outputs = kind.outputs
        self.count_labels = kind.count_labels
        self._predictions = kind.predictions
        self._classes = list(classes)
        self._threshold = calibration.threshold or 0.0

    def predictions(self, results: list[Any], rows: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        made = self._predictions(results, rows)
        classes, threshold = self._classes, self._threshold
        for prediction, numbers in zip(made, results[1].tolist(), strict=True):
            prediction["label_set"] = [
                label for label, n in zip(classes, numbers, strict=True) if n >= threshold
            ]
        return made

    def records(self, _: list[Any]) -> list[Any] | None:
        """Return ``None``: there is no faster way."""
        return None


class WithInterval:
    """The value of a regression with its interval, or the values of several targets with theirs.

    Args:
        kind: Makes the rest of the answer.
        targets: Names of the targets; ``None`` for one value.
        calibration: Has the half widths.

    Attributes:
        outputs: Those of the kind.
    """

    def __init__(
        self, kind: AnswerKind, targets: Sequence[str] | None, calibration: Calibration
    ) -> None:
        self.outputs = kind.outputs
        self._predictions = kind.predictions
        self._targets = targets
        self._half_widths = np.array(calibration.half_widths or [0.0])

    def predictions(self, results: list[Any], rows: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        made = self._predictions(results, rows)
        values = np.asarray(results[0], dtype=np.float64).reshape(len(made), -1)
        bounds = np.stack((values - self._half_widths, values + self._half_widths), axis=2)
        for prediction, intervals in zip(made, bounds.tolist(), strict=True):
            if self._targets is None:
                (prediction["interval"],) = intervals
            else:
                prediction["intervals"] = dict(zip(self._targets, intervals, strict=True))
        return made

    def records(self, _: list[Any]) -> list[Any] | None:
        """Return ``None``: there is no faster way."""
        return None

    def count_labels(self, _: list[Any]) -> Mapping[Any, int] | None:
        """Return ``None``: there are no classes."""
        return None
