"""Split conformal calibration: how far answers are off on rows that the model was not fitted on.

An interval around a value, or a set of labels, then holds the true answer of a new row with the
stated coverage, if new rows come from where the calibration rows came from. Nothing is assumed of
the model.

Source: Angelopoulos and Bates, A Gentle Introduction to Conformal Prediction, 2021. Values: the
absolute residual (section 2.3). Labels: least ambiguous sets, one minus the probability of the true
label (section 1; Sadinle et al., Least Ambiguous Set-Valued Classifiers, 2019).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from exporter.data.estimator import answer_all
from exporter.data.forms import to_plain
from exporter.data.metrics import read_target, warn_unless_held_out
from exporter.data.reader import read_table
from exporter.errors import DataError, OptionError, TargetError
from inference.model.contract import Calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.data.dataset import Dataset
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Array, Table

_EXACT = 1e-9  # 0.9 * 10 is not less than 9 by rounding


def calibrate_data(
    data: Dataset,
    original: FittedEstimator,
    asked: tuple[tuple[Any, Any] | None, float],
    names: Sequence[str] | None,
) -> Dataset:
    """Add the quantiles to the rows of a publication.

    Args:
        data: The rows of the publication.
        original: The model.
        asked: Rows that it was not fitted on with their true answers, or ``None``; and the share of
            new rows whose true answer the intervals or sets are to hold.
        names: Names for the columns of an array.

    Returns:
        The same rows without calibration rows.

    Raises:
        OptionError: The coverage is not between 0 and 1, the model has no numbers to calibrate, or
            there are too few rows for the coverage.
        DataError: Rows are not what the model takes.
        TargetError: True answers do not fit the rows or the model.
    """
    calibrate, coverage = asked
    share = _check_coverage(coverage)
    if calibrate is None:
        return data
    found, table = _calibrate(original, calibrate, share, names)
    effect = "intervals or sets hold fewer true answers than stated"
    warn_unless_held_out(data.given.table, table, "calibrate=", effect)
    return replace(data, calibration=found)


def _calibrate(
    original: FittedEstimator,
    calibrate: tuple[Any, Any],
    coverage: float,
    names: Sequence[str] | None,
) -> tuple[Calibration, Table]:
    if original.task not in ("regression", "classification"):
        raise OptionError(f"calibrate is for classifiers and regressors, not a {original.task}")
    if not isinstance(calibrate, (tuple, list)) or len(calibrate) != 2:
        raise TargetError("calibrate must be a pair: calibrate=(X_cal, y_cal)")
    try:
        table = read_table(to_plain(calibrate[0]), original, names)
    except DataError as error:
        raise DataError(f"calibrate's X is not like X: {error}") from None
    target = read_target(calibrate[1], len(table), original, "calibrate's y")
    answers = answer_all(original, table.native, "calibrate's X")
    rank = _rank(len(table), coverage)
    if original.task == "classification":
        if answers.probabilities is None:
            raise OptionError(
                "calibrate needs a classifier with probabilities: leave it out for this model"
            )
        own = answers.probabilities[np.arange(len(table)), target]
        threshold = -_smallest(-own[:, None], rank)
        return Calibration(coverage, len(table), threshold=float(threshold[0])), table
    values = np.asarray(answers.labels)
    truth = np.asarray(target)
    if truth.shape != values.shape:
        raise TargetError(
            f"calibrate's y has the shape {truth.shape}, the model gives {values.shape}"
        )
    residuals = np.abs(truth - values).reshape(len(table), -1)
    found = Calibration(coverage, len(table), half_widths=_smallest(residuals, rank).tolist())
    return found, table


def widen(calibration: Calibration | None, difference: float) -> Calibration | None:
    """Return quantiles that hold for the ONNX file, too.

    They are measured on the original's answers. An answer of the file may lie on the other side of
    a threshold that the original's equals, which happens to the shares of a forest's votes.

    Args:
        calibration: The quantiles of the original.
        difference: The largest difference between a number of the file and of the original.
    """
    if calibration is None:
        return None
    if calibration.threshold is not None:
        return msgspec.structs.replace(
            calibration, threshold=max(0.0, calibration.threshold - difference)
        )
    widths = np.asarray(calibration.half_widths)
    largest = widths.max()
    shares = widths / largest if largest else np.ones_like(widths)
    return msgspec.structs.replace(calibration, half_widths=(widths + difference * shares).tolist())


def _check_coverage(coverage: Any) -> float:
    right = isinstance(coverage, int | float | np.floating) and not isinstance(coverage, bool)
    if not right or not 0 < coverage < 1:
        raise OptionError(f"coverage must be a number between 0 and 1, not {coverage!r}")
    return float(coverage)


def _rank(rows: int, coverage: float) -> int:
    """Return which of the sorted errors is the quantile, from 1.

    With one more row than there are, it is as likely as any to be the largest; hence ``rows + 1``.
    """
    rank = math.ceil((rows + 1) * coverage - _EXACT)
    if rank > rows:
        least = math.ceil(coverage / (1 - coverage) - _EXACT)
        raise OptionError(
            f"calibrate has {rows} rows, a coverage of {coverage:g} needs at least {least}: pass "
            "more rows or a lower coverage"
        )
    return rank


def _smallest(errors: Array, rank: int) -> Array:
    """Return the error of this rank in each column, shape ``[columns]``."""
    found: Array = np.partition(errors, rank - 1, axis=0)[rank - 1]
    return found
