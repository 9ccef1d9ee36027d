"""The prediction log of one model as a DataFrame: files by DuckDB, and what is not in files yet."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.errors import OptionError
from inference.monitoring.feedback.records import decode_records
from inference.monitoring.log.files.journal import journal_paths
from inference.monitoring.log.rows.logged_rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inference.monitoring.feedback.records import Record
    from inference.monitoring.log.rows.logged_rows import LoggedRows

_KEY = ["request_id", "row"]


def read_log(folder: Path, model: str, since: Any) -> pd.DataFrame:
    """Read the rows of a model; see :meth:`exporter.rookery.served_model.ServedModel.log`."""
    begin = to_time(since)
    # A journal becomes files at any time: what is no longer in it when it is read is in a file.
    parts = [*_read_journals(folder, model), _read_files(folder, model, begin)]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=["time", *_KEY, "version", "truth"])
    table = pd.concat(parts[::-1], ignore_index=True)
    table["time"] = pd.to_datetime(table["time"], utc=True).astype("datetime64[us, UTC]")
    table = table.drop_duplicates(["time", *_KEY])
    if begin is not None:
        table = table[table["time"] >= begin]
    table = table.sort_values(["time", "row"], ignore_index=True)
    # The time, too: of several requests with the same id, one is meant.
    truths = {
        (r.request_id, r.row, round(r.answered * 1e6)): r.truth for r in records(folder, model)
    }
    times = table["time"].astype("int64")
    keys = zip(table["request_id"], table["row"], times, strict=True)
    table["truth"] = pd.Series([truths.get(key) for key in keys], table.index, dtype=object)
    return table.infer_objects()


def records(folder: Path, model: str, version: str = "*") -> list[Record]:
    """Return the truths that came for a model, in the order of their arrival."""
    found: list[Record] = []
    for path in folder.glob(f"{model}/{version}/feedback/date=*/*.jsonl"):
        with contextlib.suppress(FileNotFoundError):  # the retention time is over
            found += decode_records(path.read_bytes())
    return sorted(found, key=lambda record: record.time)


def to_time(since: Any) -> pd.Timestamp | None:
    """Return a time in UTC, of a time or of how long ago it was.

    Raises:
        OptionError: It is neither.
    """
    if since is None:
        return None
    time = None if _is_number(since) else _parse_time(since)
    if time is None:
        raise OptionError(f"since={since!r} is no time: pass one such as '2026-11-01', or '2h'")
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


def parse_length(length: Any) -> pd.Timedelta | None:
    """Return a length of time; ``None`` for what is none, such as a number without a unit."""
    if _is_number(length):
        return None
    if isinstance(length, str) and not any(map(str.isalpha, length)) and ":" not in length:
        return None  # pandas reads nanoseconds, also of '2026' and '2026-11'
    try:
        found = pd.Timedelta(length)
    except (ValueError, TypeError):
        return None
    return None if found is pd.NaT else found


def _is_number(value: Any) -> bool:
    if isinstance(value, np.timedelta64):  # NumPy counts it as an integer
        return False
    return isinstance(value, int | float | np.number | np.bool_)


def _parse_time(since: Any) -> pd.Timestamp | None:
    """Return a time, or the time so long ago; ``None`` for what is neither."""
    ago = parse_length(since)
    if ago is not None:
        return pd.Timestamp.now("UTC") - ago if ago >= pd.Timedelta(0) else None
    try:
        time = pd.Timestamp(since)
    except (ValueError, TypeError):
        return None
    return None if time is pd.NaT else time


def _read_files(folder: Path, model: str, begin: pd.Timestamp | None) -> pd.DataFrame:
    first = "" if begin is None else f"date={begin.date().isoformat()}"
    found = sorted(folder.glob(f"{model}/*/date=*/*.parquet"))
    paths = [path for path in found if path.parent.name >= first]
    if not paths:
        return pd.DataFrame()
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError:
        raise OptionError(
            "log() needs DuckDB: install the extra 'notebooks[monitoring]', or pip install duckdb"
        ) from None
    query = (
        "SELECT * REPLACE (epoch_us(time) AS time) "
        "FROM read_parquet($paths, union_by_name = true, hive_partitioning = false)"
    )
    try:
        with duckdb.connect() as connection:
            given = {"paths": list(map(str, paths))}
            table: pd.DataFrame = connection.execute(query, given).df()
    except duckdb.IOException:
        if all(path.exists() for path in paths):
            raise
        return _read_files(folder, model, begin)  # the retention time of some is over
    table["time"] = pd.to_datetime(table["time"], unit="us", utc=True)
    return table


def _read_journals(folder: Path, model: str) -> Iterator[pd.DataFrame]:
    for path in journal_paths(folder):
        with contextlib.suppress(FileNotFoundError):  # it has become files
            for rows, _ in read_rows(memoryview(path.read_bytes()), {}):
                if rows.schema.model == model:
                    yield _to_frame(rows)


def _to_frame(rows: LoggedRows) -> pd.DataFrame:
    requests, places, schema = rows.requests, rows.places, rows.schema
    columns: dict[str, Any] = {
        "time": pd.to_datetime(
            np.round(np.asarray(requests.times) * 1e6)[places], unit="us", utc=True
        ),
        "request_id": [requests.ids[place].decode() for place in places],
        "row": rows.numbers,
        "version": schema.version,
    }
    if schema.digest:
        columns["digest"] = schema.digest
    if schema.has_keys:
        columns["key_id"] = [requests.keys[place] for place in places]
    if schema.has_latency:
        columns["latency_ms"] = np.asarray(requests.seconds)[places] * 1e3
    for at, column in enumerate(schema.columns):
        values, missing = found = rows.column(at)
        is_array = missing is None and np.ndim(values) == 1
        columns[column.name] = values if is_array else found.to_list()
    return pd.DataFrame(columns)
