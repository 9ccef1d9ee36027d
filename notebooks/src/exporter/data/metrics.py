"""How good the model is: on held-out rows for the contract, on the given rows for the eye only."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics as sk

from exporter.errors import NotHeldOutWarning, TargetError
from inference.model.contract import Metrics

if TYPE_CHECKING:
    from exporter.data.estimator import Answers, FittedEstimator
    from exporter.data.table import Table


def read_target(
    y: Any, rows: int, original: FittedEstimator, what: str = "y"
) -> np.ndarray[Any, Any]:
    """Check the true answers to some rows.

    Returns:
        Class indices of shape ``[rows]``, or values of shape ``[rows]`` or ``[rows, targets]``.

    Raises:
        TargetError: There are more or fewer than rows, or they are not answers of this model.
    """
    target = np.asarray(y)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim == 0 or len(target) != rows:
        count = "no" if target.ndim == 0 else str(len(target))
        raise TargetError(f"{what} has {count} values for {rows} rows of X: pass one per row")
    if original.task == "regression":
        try:
            values = target.astype(np.float64)
        except (TypeError, ValueError):
            raise TargetError(f"{what} has to be numbers for a regressor") from None
        if not np.isfinite(values).all():
            raise TargetError(f"{what} has missing or infinite values: leave those rows out")
        return values
    if target.ndim != 1:
        raise TargetError(f"{what} has {target.ndim} dimensions: pass one label per row")
    indices = original.to_indices(target)
    if (indices < 0).any():
        wrong = target[indices < 0].tolist()[0]
        raise TargetError(
            f"{what} has the label {wrong!r}, which the model does not know; "
            f"its classes are {', '.join(map(repr, (original.classes or [])[:10]))}"
        )
    return indices


def score(original: FittedEstimator, answers: Answers, target: np.ndarray[Any, Any]) -> Metrics:
    """Compare answers with the truth.

    Raises:
        TargetError: The shapes do not go together.
    """
    if original.task == "regression":
        if target.shape != answers.labels.shape:
            raise TargetError(
                f"y has the shape {target.shape}, the model gives {answers.labels.shape}"
            )
        squared = float(sk.mean_squared_error(target, answers.labels))
        return Metrics(
            rows=len(target),
            r2=float(sk.r2_score(target, answers.labels)) if len(target) > 1 else None,
            mean_absolute_error=float(sk.mean_absolute_error(target, answers.labels)),
            root_mean_squared_error=squared**0.5,
        )
    indices = list(range(len(original.classes or [])))
    loss = None
    if answers.probabilities is not None and len(indices) > 1:
        likelihood = answers.probabilities[np.arange(len(target)), target]
        tiny = np.finfo(np.float64).eps
        loss = float(-np.log(np.clip(likelihood, tiny, 1.0)).mean())
    present = sorted(set(target.tolist()) | set(answers.labels.tolist()))
    return Metrics(
        rows=len(target),
        accuracy=float((target == answers.labels).mean()),
        macro_f1=float(
            sk.f1_score(target, answers.labels, labels=present, average="macro", zero_division=0.0)
        ),
        log_loss=loss,
        confusion_matrix=sk.confusion_matrix(target, answers.labels, labels=indices).tolist(),
    )


def warn_unless_held_out(given: Table, held_out: Table) -> None:
    """Warn when every row that is said to be held out is among the rows in X."""
    seen = {tuple(row) for row in given.rows()}
    if all(tuple(row) in seen for row in held_out.rows()):
        warnings.warn(
            "every row in evaluate= is also in X: unless the model was fitted on other rows, its "
            "metrics are not those of held-out data. Pass as X the rows the model was fitted on",
            NotHeldOutWarning,
            stacklevel=4,
        )
