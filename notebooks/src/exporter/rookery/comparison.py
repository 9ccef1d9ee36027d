"""Two versions on the same rows: metrics, disagreements, latency."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.rookery.rows import Rows

    Ask = Callable[[int, Rows], pd.DataFrame]

_ONE_ANSWER = "only models that answer with one label or value per row can be compared"
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


def compare(ask: Ask, versions: tuple[int, int], rows: Rows, y: Any) -> Comparison:
    """Compare two versions.

    Args:
        ask: Requests the predictions of a version.
        versions: Both versions.
        rows: The rows.
        y: The true labels or values, shape ``[rows]``.

    Raises:
        DataError: There are no rows, not as many answers as rows, or the answers of this kind of
            model cannot be scored.
    """
    truth = np.asarray(y)
    truth = truth[:, 0] if truth.ndim == 2 and truth.shape[1] == 1 else truth
    if truth.ndim > 1:
        raise DataError(_ONE_ANSWER)
    if truth.ndim != 1 or len(truth) != len(rows) or not len(rows):
        raise DataError(
            f"y has the shape {list(truth.shape)} for {len(rows)} rows: pass one answer per row"
        )
    answers = [ask(version, rows) for version in versions]
    name = next((name for name in ("label", "value") if name in answers[0].columns), None)
    if name is None:
        raise DataError(_ONE_ANSWER)
    columns = {
        f"version {version}": _score(answer, truth) | {"ms per row": _latency(ask, version, rows)}
        for version, answer in zip(versions, answers, strict=True)
    }
    return Comparison(pd.DataFrame(columns), _disagreements(name, versions, answers, truth))


def _score(answers: pd.DataFrame, truth: np.ndarray[Any, Any]) -> dict[str, float]:
    from sklearn import metrics  # noqa: PLC0415 - the client is importable without it

    if "value" in answers.columns:
        values = answers["value"].astype(float)
        return {
            "R²": float(metrics.r2_score(truth, values)),
            "mean absolute error": float(metrics.mean_absolute_error(truth, values)),
            "RMS error": float(metrics.root_mean_squared_error(truth, values)),
        }
    labels = answers["label"].to_numpy()
    scored = {
        "accuracy": float(np.mean(labels == truth)),
        "macro F1": float(
            metrics.f1_score(_texts(truth), _texts(labels), average="macro", zero_division=0.0)
        ),
    }
    likelihood = _likelihood(answers, truth)
    if likelihood is not None:
        tiny = np.finfo(float).eps
        scored["log loss"] = float(-np.log(np.clip(likelihood, tiny, 1)).mean())
    return scored


def _likelihood(answers: pd.DataFrame, truth: Any) -> np.ndarray[Any, Any] | None:
    """Return the probability of each true label; ``None`` without probabilities."""
    table = answers.filter(regex="^p_")
    if table.empty:
        return None
    columns = {name: place for place, name in enumerate(table.columns)}
    shares = table.to_numpy(float)
    places = [columns.get(f"p_{_key(label)}") for label in truth]
    found = [0.0 if at is None else shares[row, at] for row, at in enumerate(places)]
    return np.array(found)


def _key(label: Any) -> str:
    """Return a label as it is written in an answer's table."""
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    return str(label)


def _texts(labels: Any) -> list[str]:
    return [_key(label) for label in labels]


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
    numbers = first.select_dtypes("number").columns.intersection(second.columns)
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
