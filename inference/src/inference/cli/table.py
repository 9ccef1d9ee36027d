"""Formats the answers of the service as lines for a terminal, and prints lines there."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = ("", "MODEL", "STATE", "ACTIVE", "VERSIONS", "TASK", "METRICS", "REASON")
_VERSIONS = 6  # the highest ones that are shown
_METRICS = {
    "accuracy": ("accuracy", ".1%"),
    "macro_f1": ("macro F1", ".3f"),
    "r2": ("R2", ".3f"),
    "mean_absolute_error": ("mean abs. error", ".4g"),
}
_MOST_METRICS = 2


def print_text(text: str) -> None:
    """Print text; escape control characters and those that the terminal cannot show."""
    text = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))


def list_models(answer: dict[str, Any]) -> str:
    """Return ``GET /models`` as a table; ``*`` marks the selected model."""
    rows = [_HEAD, *(_model(model) for model in answer["models"])]
    lines = _columns(rows)
    if len(rows) == 1:
        lines.append(
            "There is no model yet: publish one, or copy an ONNX file into the models folder."
        )
    return "\n".join(lines + [f"ignored: {i['path']}: {i['reason']}" for i in answer["ignored"]])


def list_predictions(answer: dict[str, Any]) -> str:
    """Return an answer of the predict routes: a line per row, then the warnings."""
    predictions = answer.get("predictions", [answer])
    lines = [f"{answer['model']} version {answer['version']}"]
    lines += [f"  {_prediction(one)}" for one in predictions]
    for warning in answer.get("warnings", []):
        row, feature = warning["row"], warning["feature"]
        where = [f"row {row}"] if row is not None and len(predictions) > 1 else []
        where += [f"feature '{feature}'"] if feature else []
        lines.append(f"  warning: {', '.join(where)}{': ' if where else ''}{warning['reason']}")
    return "\n".join(lines)


def _model(model: dict[str, Any]) -> tuple[str, ...]:
    refused = "; ".join(f"version {q['version']}: {q['reason']}" for q in model["quarantined"])
    active, pinned = str(model["active_version"] or "-"), model["pinned_version"]
    if pinned is not None:
        active = f"{active} (pinned)" if active == str(pinned) else f"{active} ({pinned} pinned)"
    if model.get("traffic"):
        active = _traffic(model["traffic"], active)
    return (
        "*" if model["selected"] else "",
        model["name"],
        model["state"],
        active,
        _versions(model["versions"]),
        model["task"] or "-",
        _metrics(model["metrics"] or {}),
        model["reason"] or refused,
    )


def _traffic(traffic: dict[str, Any], active: str) -> str:
    shares = traffic["shares"] or {}
    texts = [", ".join(f"{version} {share:g}%" for version, share in shares.items()) or active]
    if traffic["shadow"]:
        texts.append(f"shadow {traffic['shadow']['version']}")
    return ", ".join(texts)


def _versions(versions: Sequence[dict[str, Any]]) -> str:
    shown = sorted(versions, key=lambda version: version["version"])[-_VERSIONS:]
    texts = [str(len(versions) - len(shown)) + " more"] if len(versions) > len(shown) else []
    for version in shown:
        state = "" if version["state"] == "ready" else f" {version['state']}"
        texts.append(f"{version['version']}{state}")
    return ", ".join(texts) or "-"


def _metrics(metrics: dict[str, Any]) -> str:
    known = [(k, _METRICS[k]) for k in _METRICS if isinstance(metrics.get(k), (int, float))]
    texts = [f"{name} {metrics[key]:{form}}" for key, (name, form) in known[:_MOST_METRICS]]
    return ", ".join(texts) or "-"


def _prediction(prediction: dict[str, Any]) -> str:
    if "label" in prediction:
        tables = (prediction.get(name) for name in ("probabilities", "scores"))
        table: dict[str, Any] = next((t for t in tables if isinstance(t, dict)), {})
        best = sorted(table.items(), key=lambda item: -item[1])[:3]
        shown = ", ".join(f"{name} {number:.4g}" for name, number in best)
        return f"{_plain(prediction['label'])}{f' ({shown})' if shown else ''}"
    if "values" in prediction:
        return ", ".join(f"{name} {value}" for name, value in prediction["values"].items())
    if "value" in prediction:
        return str(prediction["value"])
    outputs = prediction["outputs"].items()
    return ", ".join(f"{name} {value}" for name, value in outputs)


def _plain(label: Any) -> str:
    """Return a label as JSON, but text without quotes."""
    return label if isinstance(label, str) else json.dumps(label)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines
