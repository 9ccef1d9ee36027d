"""Write rows as a Parquet file, by arro3; only this module imports it.

arro3 holds the interpreter's lock while it writes, so only a process of its own may use this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from arro3.core import Array, DataType, RecordBatch, list_array
from arro3.io import write_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inference.monitoring.log.rows.logged_rows import LoggedRows
    from inference.monitoring.log.rows.schema import Schema
    from inference.monitoring.log.rows.values import Values

_COMPRESSION = "zstd(1)"
_TIME = DataType.timestamp("us", tz="UTC")
_TYPES = {
    "text": DataType.utf8(),
    "integer": DataType.int64(),
    "float": DataType.float32(),
    "double": DataType.float64(),
    "boolean": DataType.bool(),
}


def write_rows(schema: Schema, parts: Sequence[tuple[LoggedRows, Any]], path: Path) -> None:
    """Write rows of one schema.

    Args:
        schema: The schema.
        parts: Rows, and the places of those to write.
        path: The file, which is replaced.

    Raises:
        OSError: It cannot be written.
    """
    arrays = _fixed_columns(schema, parts)
    for place, column in enumerate(schema.columns):
        values = [(rows.column(place), chosen) for rows, chosen in parts]
        is_list = column.kind in ("floats", "doubles")
        arrays[column.name] = _lists(values) if is_list else _scalars(column.kind, values)
    write_parquet(
        RecordBatch.from_arrays(list(arrays.values()), names=list(arrays)),
        path,
        compression=_COMPRESSION,
        key_value_metadata={
            "model": schema.model,
            "version": str(schema.version),
            "digest": schema.digest,
        },
    )


def _fixed_columns(schema: Schema, parts: Sequence[tuple[LoggedRows, Any]]) -> dict[str, Array]:
    ids: list[str] = []
    keys: list[str | None] = []
    times, numbers, seconds = [], [], []
    for rows, chosen in parts:
        requests, places = rows.requests, rows.places[chosen]
        ids += [requests.ids[place].decode() for place in places]
        numbers.append(rows.numbers[chosen])
        times.append(np.asarray(requests.times)[places])
        if schema.has_latency:
            seconds.append(np.asarray(requests.seconds)[places])
        if schema.has_keys:
            keys += [requests.keys[place] for place in places]
    count = len(ids)
    microseconds = np.round(np.concatenate(times) * 1e6).astype(np.int64)
    columns = {
        "time": Array.from_numpy(microseconds).cast(_TIME),
        "request_id": Array(ids, _TYPES["text"]),
        "row": Array.from_numpy(np.concatenate(numbers).astype(np.int64)),
        "version": Array.from_numpy(np.full(count, schema.version, np.int64)),
    }
    if schema.digest:
        columns["digest"] = Array([schema.digest] * count, _TYPES["text"])
    if schema.has_keys:
        columns["key_id"] = Array(keys, _TYPES["text"])
    if schema.has_latency:
        columns["latency_ms"] = Array.from_numpy(np.concatenate(seconds) * 1e3)
    return columns


def _scalars(kind: str, parts: Sequence[tuple[Values, Any]]) -> Array:
    if kind == "text":
        texts = [values.values[place] for values, chosen in parts for place in chosen]
        return Array(texts, _TYPES[kind])
    array = np.concatenate([values.values[chosen] for values, chosen in parts])
    if all(values.missing is None for values, _ in parts):
        return Array.from_numpy(array)
    objects = array.astype(object)
    objects[np.concatenate([_missing(*part) for part in parts])] = None
    return Array(objects.tolist(), _TYPES[kind])


def _lists(parts: Sequence[tuple[Values, Any]]) -> Array:
    """Return a list for each row; a missing one is empty."""
    lengths = [
        np.where(_missing(values, chosen), 0, values.values.shape[1]) for values, chosen in parts
    ]
    kept = [
        values.values[chosen][length > 0].ravel()
        for (values, chosen), length in zip(parts, lengths, strict=True)
    ]
    ends = np.cumsum(np.concatenate(lengths), dtype=np.int64)
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return list_array(Array.from_numpy(offsets), Array.from_numpy(np.concatenate(kept)))


def _missing(values: Values, chosen: Any) -> Any:
    return np.zeros(len(chosen), bool) if values.missing is None else values.missing[chosen]
