"""Two versions on the same rows: metrics, disagreements, latency."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.errors import DataError
from inference.model.labels import label_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.rookery.rows import Rows

    Ask = Callable[[int, Rows], pd.DataFrame]

_ONE_ANSWER = (
    "only versions that both answer with one label per row, or both with one value, can be compared"
)
_TIMED_ROWS = 30
_TOLERANCE = 1e-6  # values that differ less are the same


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two versions.

    Attributes:
        metrics: A row for each metric, a column for each version.
        disagreements: The rows that both answer differently: the truth, both answers, and the
            largest difference of a number in them.
    """

    metrics: pd.DataFrame
    disagreements: pd.DataFrame

    def _repr_html_(self) -> str:
        count = len(self.disagreements)
        rows = "1 row differs" if count == 1 else f"{count:,} rows differ"
        table = self.disagreements.head(10)._repr_html_() if count else ""
        return f"{self.metrics._repr_html_()}<p>{rows}</p>{table}"


def compare(ask: Ask, versions: tuple[int, int], rows: Mapping[int, Rows], y: Any) -> Comparison:
    """Compare two versions.

    Args:
        ask: Requests the predictions of a version.
        versions: Both versions.
        rows: The same rows as each of them takes them.
        y: The true labels or values, shape ``[rows]``.

    Raises:
        DataError: There are no rows, not as many answers as rows, the answers of this kind of
            model cannot be scored, or the truth is missing or of another type.
    """
    truth = _read_truth(y, len(rows[versions[0]]))
    answers = [ask(version, rows[version]) for version in versions]
    common = set.intersection(*(set(answer.columns) for answer in answers))
    name = next((name for name in ("label", "value") if name in common), None)
    if name is None:
        raise DataError(_ONE_ANSWER)
    score = _score_labels if name == "label" else _score_values
    scores = [score(answer, truth) for answer in answers]
    columns = {
        f"version {version}": found | {"ms per row": _latency(ask, version, rows[version])}
        for version, found in zip(versions, scores, strict=True)
    }
    return Comparison(pd.DataFrame(columns), _disagreements(name, versions, answers, truth))


def _read_truth(y: Any, rows: int) -> np.ndarray[Any, Any]:
    try:
        truth = np.asarray(y)
    except ValueError:  # lists of several lengths
        raise DataError(_ONE_ANSWER) from None
    truth = truth[:, 0] if truth.ndim == 2 and truth.shape[1] == 1 else truth
    if truth.ndim > 1:
        raise DataError(_ONE_ANSWER)
    if truth.ndim != 1 or len(truth) != rows or not rows:
        raise DataError(
            f"y has the shape {list(truth.shape)} for {rows} rows: pass one answer per row"
        )
    if pd.isna(truth).any():
        raise DataError("y has missing values: leave those rows out")
    return truth


def _score_values(answers: pd.DataFrame, truth: np.ndarray[Any, Any]) -> dict[str, float]:
    from sklearn import metrics  # noqa: PLC0415 - the client is importable without it

    try:
        numbers = truth.astype(float)
    except (TypeError, ValueError):
        raise DataError("y has to be numbers, since the versions answer with values") from None
    if not np.isfinite(numbers).all():
        raise DataError("y has infinite values: leave those rows out")
    values = answers["value"].to_numpy(float)
    if not np.isfinite(values).all():
        return dict.fromkeys(("R²", "mean absolute error", "RMS error"), math.nan)
    return {
        "R²": float(metrics.r2_score(numbers, values)) if len(values) > 1 else math.nan,
        "mean absolute error": float(metrics.mean_absolute_error(numbers, values)),
        "RMS error": float(metrics.root_mean_squared_error(numbers, values)),
    }


def _score_labels(answers: pd.DataFrame, truth: np.ndarray[Any, Any]) -> dict[str, float]:
    from sklearn import metrics  # noqa: PLC0415 - as above

    labels = answers["label"].tolist()
    true = _as_labels(truth, type(labels[0]))
    keys = list(map(label_key, true)), list(map(label_key, labels))
    hits = [one == other for one, other in zip(*keys, strict=True)]
    scored = {
        "accuracy": float(np.mean(hits)),
        "macro F1": float(metrics.f1_score(*keys, average="macro", zero_division=0.0)),
    }
    likelihood = _likelihood(answers, keys[0])
    if likelihood is not None:
        tiny = np.finfo(float).eps
        scored["log loss"] = float(-np.log(np.clip(likelihood, tiny, 1)).mean())
    return scored


def _as_labels(truth: np.ndarray[Any, Any], kind: type) -> list[Any]:
    """Return true labels in the type of the answered ones: 0.0 and False may stand for 0.

    Raises:
        DataError: A label stands for none of this type.
    """
    labels = [_convert(value, kind) for value in truth.tolist()]
    wrong = next((label for label in labels if type(label) is not kind), None)
    if wrong is not None:
        raise DataError(
            f"y has the label {wrong!r}, but the versions answer with labels of the type "
            f"{kind.__name__}: pass labels of this type"
        )
    return labels


def _convert(value: Any, kind: type) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str) or kind is str:
        return value
    try:
        converted = kind(value)
    except (TypeError, ValueError, OverflowError):
        return value
    return converted if converted == value else value


def _likelihood(answers: pd.DataFrame, truth: list[str]) -> np.ndarray[Any, Any] | None:
    """Return the probability of each true label; ``None`` without probabilities."""
    table = answers.filter(regex="^p_")
    if table.empty:
        return None
    columns = {name: place for place, name in enumerate(table.columns)}
    shares = table.to_numpy(float)
    places = [columns.get(f"p_{label}") for label in truth]
    found = [0.0 if at is None else shares[row, at] for row, at in enumerate(places)]
    return np.array(found)


def _latency(ask: Ask, version: int, rows: Rows) -> float:
    """Return the median time of a request with one row, in ms."""
    times = []
    for place in range(min(_TIMED_ROWS, 3 * len(rows))):
        at = place % len(rows)
        one = replace(rows, records=rows.records[at : at + 1], index=None)
        begin = time.perf_counter()
        ask(version, one)
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def _disagreements(
    name: str, versions: tuple[int, int], answers: list[pd.DataFrame], truth: Any
) -> pd.DataFrame:
    first, second = answers
    # The difference of two numbers of classes says nothing.
    numbers = (
        first.select_dtypes("number")
        .columns.intersection(second.columns)
        .drop("label", errors="ignore")
    )
    gaps = np.abs(first[numbers].to_numpy(float) - second[numbers].to_numpy(float))
    largest = gaps.max(axis=1) if len(numbers) else np.zeros(len(first))
    if name == "label":
        differs = first[name].to_numpy() != second[name].to_numpy()
    else:
        differs = ~np.isclose(first[name], second[name], rtol=_TOLERANCE, equal_nan=True)
    table = pd.DataFrame(
        {
            "truth": truth,
            f"version {versions[0]}": first[name].to_numpy(),
            f"version {versions[1]}": second[name].to_numpy(),
            "largest difference": largest,
        },
        index=first.index,
    )
    return table[differs].sort_values("largest difference", ascending=False)
