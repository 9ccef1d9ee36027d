"""How good the model is: on held-out rows for the contract, on the given rows for the eye only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from exporter.data.answers.kinds import list_steps
from exporter.data.forms import copy_rows
from exporter.errors import NotHeldOutWarning, TargetError, warn
from inference.model.contract import Metrics
from inference.model.schema.provenance import LabelMetrics

if TYPE_CHECKING:
    from exporter.data.answers.answers import Answers
    from exporter.data.answers.kinds import Classes
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table

# What has no true answers that could be passed.
WITHOUT_TARGET = ("clustering", "transformation")
_SILHOUETTE_ROWS = 1000  # each is compared with each
_SEED = 0
_ODD = np.uint64(0x9E3779B97F4A7C15)  # any odd number far from 1: columns count by their place


def read_target(
    y: Any, rows: int, original: FittedEstimator, what: str = "y"
) -> np.ndarray[Any, Any] | None:
    """Check the true answers to some rows.

    Returns:
        Class indices of shape ``[rows]`` or ``[rows, labels]``, or values of shape ``[rows]`` or
        ``[rows, targets]``; ``None`` for clusterings and transformations, which have none.

    Raises:
        TargetError: There are more or fewer than rows, or they are not answers of this model.
    """
    if original.task in WITHOUT_TARGET:
        return None
    target = _to_array(y, what)
    if target.ndim == 2 and target.shape[1] == 1 and not original.has_several_labels:
        target = target[:, 0]
    if target.ndim == 0 or len(target) != rows:
        count = "no" if target.ndim == 0 else str(len(target))
        raise TargetError(f"{what} has {count} values for {rows} rows of X: pass one per row")
    if not original.labels:
        return _read_values(target, what)
    if original.has_several_labels:
        if target.ndim != 2 or target.shape[1] != len(original.labels):
            raise TargetError(
                f"{what} has the shape {target.shape}: pass one column for each of the "
                f"{len(original.labels)} labels"
            )
        pairs = zip(original.labels, target.T, strict=True)
        return np.column_stack([_read_labels(known, column, what) for known, column in pairs])
    if target.ndim != 1:
        raise TargetError(f"{what} has {target.ndim} dimensions: pass one label per row")
    return _read_labels(original.labels[0], target, what)


def _to_array(y: Any, what: str) -> np.ndarray[Any, Any]:
    try:
        target: np.ndarray[Any, Any] = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    except ValueError:
        raise TargetError(f"{what} has rows of several lengths: pass one answer per row") from None
    return target


def _read_values(target: Any, what: str) -> np.ndarray[Any, Any]:
    wrong = TargetError(f"{what} has to be numbers for a regressor")
    if target.dtype.kind in "mMc":  # which NumPy would make numbers of
        raise wrong
    try:
        values: np.ndarray[Any, Any] = target.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    if not np.isfinite(values).all():
        raise TargetError(f"{what} has missing or infinite values: leave those rows out")
    return values


def _read_labels(known: Classes, target: Any, what: str) -> np.ndarray[Any, Any]:
    indices = known.to_indices(target)
    if (indices < 0).any():
        wrong = target[indices < 0].tolist()[0]
        raise TargetError(
            f"{what} has the label {wrong!r}, which the model does not know; "
            f"its classes are {', '.join(map(repr, known.labels[:10]))}"
        )
    return indices


def score(original: FittedEstimator, answers: Answers, target: np.ndarray[Any, Any]) -> Metrics:
    """Compare answers with the truth.

    Raises:
        TargetError: The shapes do not go together.
    """
    if not original.labels:
        return _score_values(answers, target)
    if original.has_several_labels:
        each = [
            LabelMetrics(*_score_labels(true, given))
            for true, given in zip(target.T, answers.labels.T, strict=True)
        ]
        return Metrics(
            rows=len(target),
            accuracy=float((target == answers.labels).all(axis=1).mean()),
            macro_f1=float(np.mean([label.macro_f1 for label in each])),
            labels=each,
        )
    indices = list(range(len(original.labels[0].labels)))
    loss = None
    if answers.probabilities is not None and len(indices) > 1:
        likelihood = answers.probabilities[np.arange(len(target)), target]
        tiny = np.finfo(np.float64).eps
        loss = float(-np.log(np.clip(likelihood, tiny, 1.0)).mean())
    accuracy, macro_f1 = _score_labels(target, answers.labels)
    return Metrics(
        rows=len(target),
        accuracy=accuracy,
        macro_f1=macro_f1,
        log_loss=loss,
        confusion_matrix=sk.confusion_matrix(target, answers.labels, labels=indices).tolist(),
    )


def _score_values(answers: Answers, target: np.ndarray[Any, Any]) -> Metrics:
    if target.shape != answers.labels.shape:
        raise TargetError(f"y has the shape {target.shape}, the model gives {answers.labels.shape}")
    squared = float(sk.mean_squared_error(target, answers.labels))
    return Metrics(
        rows=len(target),
        r2=float(sk.r2_score(target, answers.labels)) if len(target) > 1 else None,
        mean_absolute_error=float(sk.mean_absolute_error(target, answers.labels)),
        root_mean_squared_error=squared**0.5,
    )


def _score_labels(target: Any, given: Any) -> tuple[float, float]:
    """Return accuracy and macro F1 of one label, over the classes that occur."""
    present = sorted(set(target.tolist()) | set(given.tolist()))
    f1 = sk.f1_score(target, given, labels=present, average="macro", zero_division=0.0)
    return float((target == given).mean()), float(f1)


def score_clusters(original: FittedEstimator, native: Any, answers: Answers) -> Metrics | None:
    """Measure how well clusters are separated, where the last step sees them.

    Returns:
        The silhouette coefficient; ``None`` if all rows are in one cluster, or each in its own.
    """
    *steps, _ = list_steps(original.model)
    labels = answers.labels
    if not 1 < len(np.unique(labels)) < len(labels):
        return None
    chosen = np.arange(len(labels))
    if len(labels) > _SILHOUETTE_ROWS:
        random = np.random.default_rng(_SEED)
        chosen = np.sort(random.choice(len(labels), _SILHOUETTE_ROWS, replace=False))
    rows = copy_rows(original.form.restore(native))
    for step in steps:
        rows = step.transform(rows)
    dense = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
    if not 1 < len(np.unique(labels[chosen])) < len(chosen):
        return None
    found = sk.silhouette_score(dense[chosen], labels[chosen])
    return Metrics(rows=len(chosen), silhouette=float(found))


def _hash_rows(table: Table) -> np.ndarray[Any, Any]:
    """Return a number of 64 bits for each row, equal for equal rows."""
    total = np.zeros(len(table), dtype=np.uint64)
    for column in table.columns:
        values = column.values  # noqa: PD011 - no pandas here
        if column.kind == "unread":  # such as lists, which cannot be hashed
            values = np.array([repr(value) for value in values.tolist()], dtype=object)
        elif column.kind == "number":
            values = values + 0.0  # of which one is negative
        total = total * _ODD + pd.util.hash_array(values, categorize=False)
    return total


def warn_unless_held_out(
    given: Table,
    held_out: Table,
    what: str = "evaluate=",
    effect: str = "metrics are not those of held-out data",
) -> None:
    """Warn when every row that is said to be held out is among the rows in X.

    Args:
        given: The rows in X.
        held_out: The others.
        what: What the caller calls these.
        effect: What is wrong if the model was fitted on them.
    """
    if np.isin(_hash_rows(held_out), _hash_rows(given)).all():
        warn(
            f"every row in {what} is also in X: unless the model was fitted on other rows, its "
            f"{effect}. Pass as X the rows the model was fitted on",
            NotHeldOutWarning,
        )
