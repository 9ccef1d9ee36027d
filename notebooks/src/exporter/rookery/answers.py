"""Answers of the service as a table: one row for each row that was asked, flat columns."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from inference.model.contract import Contract
from inference.model.labels import label_key
from inference.serving.rows.training_range import TrainingRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.rookery.rows import Rows

# How columns of the tables of an answer begin; the classes' or targets' names follow.
_PREFIXES = {"probabilities": "p_", "scores": "score_", "distances": "distance_", "values": ""}


def to_kind(rows: Rows, predictions: list[dict[str, Any]], warnings: list[Any]) -> Any:
    """Return predictions as the kind of table that the rows were.

    Returns:
        Of one record its prediction, of a list the list of predictions, as the service answers
        them; of an array a record array; of a DataFrame a DataFrame of the same library. Its
        columns are ``label``, ``p_CLASS``, ``value`` and so on, and at the end ``warnings``:
        ``None``, or the reasons in one line.
    """
    if rows.kind in ("record", "list"):
        for prediction, texts in zip(predictions, _texts(warnings, len(rows)), strict=True):
            if texts is not None:
                prediction["warnings"] = texts
        return predictions[0] if rows.kind == "record" else predictions
    table = to_frame(predictions, warnings, rows.index)
    if rows.kind == "polars":
        import polars as pl  # noqa: PLC0415 - the caller's library, not a dependency

        records, types = table.to_dict("records"), {"warnings": pl.String}
        return pl.from_dicts(records, schema_overrides=types, infer_schema_length=None)
    if rows.kind == "pyarrow":
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - the caller's library

        found = pa.Table.from_pylist(table.to_dict("records"))
        texts = pa.array(table["warnings"].tolist(), pa.string())  # also where all are missing
        return found.set_column(table.shape[1] - 1, "warnings", texts)
    return table.to_records(index=False) if rows.kind == "numpy" else table


def to_empty(rows: Rows, contract: dict[str, Any] | None) -> Any:
    """Return the table of no rows, with the columns that one row would have.

    Args:
        rows: No rows, of a kind that is a table.
        contract: The contract of the version; without one, its columns are not known.
    """
    made = {} if contract is None else _make_prediction(contract)
    table = to_kind(replace(rows, records=[None], index=None), [made], [])[:0]
    return table if rows.index is None else table.set_axis(rows.index)


def _make_prediction(contract: dict[str, Any]) -> dict[str, Any]:
    """Return a prediction with the members of those that a version makes."""
    calibrated, targets = contract.get("calibration"), contract.get("targets")
    match contract["task"]:
        case "regression" if targets:
            limits = {"intervals": dict.fromkeys(targets, [math.nan] * 2)} if calibrated else {}
            return {"values": dict.fromkeys(targets, math.nan), **limits}
        case "regression":
            return {"value": math.nan} | ({"interval": [math.nan] * 2} if calibrated else {})
        case "transformation":
            return {"vector": [math.nan] * len(targets or [None])}
        case "multioutput_classification":
            labels = contract["labels"]
            tables = {one["name"]: _by_class(one["classes"]) for one in labels}
            has_shares = any(one.get("probabilities") for one in labels)
            return {
                "labels": {one["name"]: one["classes"][0] for one in labels},
                "probabilities": tables if has_shares else None,
            }
    classes, outputs = contract["classes"], contract["outputs"]
    table = _by_class(classes)
    return (
        {"label": classes[0]}
        | {name: table for name in ("probabilities", "distances") if outputs.get(name)}
        | ({"score": math.nan} if outputs.get("score") else {})
        | ({"label_set": classes[:1]} if calibrated else {})
    )


def _by_class(classes: list[Any]) -> dict[str, float]:
    return dict.fromkeys(map(label_key, classes), math.nan)


def to_frame(
    predictions: list[dict[str, Any]], warnings: list[Any], index: pd.Index | None = None
) -> pd.DataFrame:
    """Return predictions as a DataFrame; see :func:`to_kind`."""
    table = pd.DataFrame([_to_line(p) for p in predictions], index=index)
    table["warnings"] = pd.Series(_texts(warnings, len(table)), index=table.index, dtype=object)
    return table


def _to_line(prediction: dict[str, Any]) -> dict[str, Any]:
    """Return a prediction as flat columns; a target may have the name of another column."""
    line: dict[str, Any] = {}
    for name, value in _flatten(prediction):
        free = name
        while free in line or free == "warnings":
            free += " (answer)"
        line[free] = value
    return line


def _flatten(prediction: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in prediction.items():
        match value:
            case dict() if name == "intervals":
                for target, (low, high) in value.items():
                    yield from ((f"low_{target}", low), (f"high_{target}", high))
            case dict():
                prefix = _PREFIXES.get(name, f"{name.removesuffix('s')}_")
                yield from _flatten_table(prefix, value)
            case list() if name == "vector":
                yield from ((f"v{place}", number) for place, number in enumerate(value))
            case [low, high] if name == "interval":
                yield from (("low", low), ("high", high))
            case None if name == "probabilities":
                pass
            case _:
                yield name, value


def _flatten_table(prefix: str, table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten_table(f"{prefix}{key}_", value)
        else:
            yield f"{prefix}{key}", value


def _texts(warnings: list[Any], rows: int) -> list[str | None]:
    """Put the warnings of each row into one line; those that concern all rows are left out."""
    found: dict[int, list[str]] = defaultdict(list)
    for warning in warnings:
        if isinstance(warning.get("row"), int):
            feature = f"{warning['feature']}: " if warning.get("feature") else ""
            found[warning["row"]].append(f"{feature}{warning.get('reason')}")
    return ["; ".join(found[row]) or None for row in range(rows)]


def find_warnings(contract: dict[str, Any] | None, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """List all values outside the training range, as the service does of the first ones.

    Args:
        contract: The contract of the version that has answered.
        rows: What the service has accepted: records, or rows in feature order.

    Returns:
        The warnings; none for a contract that this client does not know.
    """
    try:
        features = msgspec.convert(contract, Contract).features
    except msgspec.ValidationError:
        return []
    names, seen = [feature.name for feature in features], TrainingRange(features)
    found = [sorted(seen.find([_in_order(row, names)], place)) for place, row in enumerate(rows)]
    return [outlier.warning for outliers in found for outlier in outliers]


def _in_order(row: Any, names: list[str]) -> list[Any]:
    return [row.get(name) for name in names] if isinstance(row, dict) else row


def shift_warning(warning: dict[str, Any], rows: int) -> dict[str, Any]:
    """Add to the row that a warning of a part names."""
    row = warning.get("row")
    return warning | {"row": row + rows} if isinstance(row, int) else warning
