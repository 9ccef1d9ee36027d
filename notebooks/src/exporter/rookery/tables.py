"""Documents of the service as tables: DataFrames, and the HTML that a notebook shows."""

from __future__ import annotations

import contextlib
from html import escape
from typing import Any

import msgspec
import pandas as pd

from exporter.display import card
from exporter.display.elements import frame, title
from exporter.rookery.explanation import Explanation
from inference.model.contract import Contract, Metrics
from inference.model.labels import label_key

_SCORES = ("accuracy", "macro_f1", "log_loss", "r2", "root_mean_squared_error")


def models_of(models: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the models as a table, with a row for each name."""
    lines = [
        {
            "model": model["name"],
            "state": model["state"],
            "task": model["task"],
            "active": model["active_version"],
            "versions": len(model["versions"]),
            "score": _score(model["metrics"] or {}),
            "selected": model["selected"],
            "reason": model["reason"],
        }
        for model in models
    ]
    columns = ["model", "state", "task", "active", "versions", "score", "selected", "reason"]
    table = pd.DataFrame(lines, columns=columns).set_index("model")
    return table.astype({"active": "Int64"})


def versions_of(versions: list[dict[str, Any]]) -> pd.DataFrame:
    """Return versions as a table: state, and the metrics on held-out data."""
    lines = [
        {
            "version": version["version"],
            "state": version["state"],
            "active": version.get("active", False),
            "pinned": version.get("pinned", False),
            **{name: (version.get("metrics") or {}).get(name) for name in _SCORES},
            "published": _published(version),
            "reason": version["reason"],
        }
        for version in versions
    ]
    columns = ["version", "state", "active", "pinned", *_SCORES, "published", "reason"]
    table = pd.DataFrame(lines, columns=columns).set_index("version")
    return table.drop(columns=[name for name in _SCORES if table[name].isna().all()])


def explanation_of(
    predictions: list[dict[str, Any]], index: pd.Index | None, *, only_top: bool = False
) -> Explanation:
    """Return explained predictions as a table; see :class:`Explanation`.

    Args:
        predictions: The service's answers.
        index: The index of the rows; ``None`` for their positions.
        only_top: Whether to leave out all classes but the answered one.
    """
    lines: list[dict[str, Any]] = []
    places: list[int] = []
    features: list[str] = []
    for place, prediction in enumerate(predictions):
        explained = prediction["explanation"]
        contributions = explained["contributions"]
        features = features or [_feature_column(name) for name in contributions]
        base = explained["base"]
        answer: dict[str, Any] = {
            name: prediction[name] for name in ("label", "value") if name in prediction
        }
        parts: list[Any] = list(base) if isinstance(base, dict) else [None]
        top = label_key(prediction["label"]) if "label" in prediction else None
        for part in [top] if only_top and top in parts else parts:
            line = dict(answer)
            if part is not None:
                line["explained"] = part
            line["base"] = base if part is None else base[part]
            values = {f: v if part is None else v[part] for f, v in contributions.items()}
            line |= dict(zip(features, values.values(), strict=True))
            lines.append(line)
            places.append(place)
    rows = pd.RangeIndex(len(predictions)) if index is None else index
    table = Explanation(lines, index=rows.take(places))
    table.features = features
    return table


def _feature_column(name: str) -> str:
    """Return the column of a feature's contributions, which may have the name of another column."""
    return f"{name} (feature)" if name in ("label", "value", "explained", "base") else name


def models_html(models: pd.DataFrame, url: str) -> str:
    """Return the table of all models for a notebook."""
    if models.empty:
        body = "<p>No model yet: publish one with <code>publish(model, name, X)</code>.</p>"
    else:
        body = _to_html(models)
    count = "1 model" if len(models) == 1 else f"{len(models):,} models"
    return frame(f"<h3>{count}</h3><small>{escape(url)}</small>{body}")


def failure_html(url: str, reason: str) -> str:
    """Return why there is no table."""
    return frame(f"<h3>{escape(url)}</h3><div>{escape(reason)}</div>")


def model_card(described: dict[str, Any], versions: pd.DataFrame, url: str) -> str:
    """Return a model's card for a notebook: contract, metrics, features, versions."""
    badges = [described["state"]]
    if described["active_version"] is not None:
        badges.append(f"version {described['active_version']}")
    badges += [described["task"]] if described["task"] else []
    badges += ["pinned"] if described["pinned_version"] is not None else []
    badges += ["selected"] if described["selected"] else []
    blocks = [title(described["name"], badges)]
    if described["reason"]:
        blocks.append(f"<div>{escape(described['reason'])}</div>")
    if described["contract"]:
        # A newer service may have tasks that this client does not support.
        with contextlib.suppress(msgspec.ValidationError):
            contract = msgspec.convert(described["contract"], Contract)
            blocks.append(card.describe_contract(contract))
    count = "1 version" if len(versions) == 1 else f"{len(versions):,} versions"
    blocks.append(f"<details open><summary>{count}</summary>{_to_html(versions)}</details>")
    docs = escape(f"{url}/models/{described['name']}/", quote=True)
    blocks.append(f"<a href='{docs}' target='_blank' rel='noopener'>Open its page</a>")
    return frame("".join(blocks))


def _to_html(table: pd.DataFrame) -> str:
    shown = table.reset_index().dropna(axis="columns", how="all")
    for name in shown.select_dtypes("bool"):
        shown[name] = shown[name].map({True: "\u2713", False: ""})
    html: str = (
        shown.astype(object)
        .fillna("")
        .to_html(index=False, escape=True, border=0, classes="r-left")
    )
    return html


def _score(metrics: dict[str, Any]) -> str | None:
    if not metrics:
        return None
    named = card.describe_metrics(msgspec.convert(metrics, Metrics))
    return " ".join(named[0]) if named else None


def _published(version: dict[str, Any]) -> str | None:
    training = (version.get("contract") or {}).get("training") or {}
    return training.get("time")
