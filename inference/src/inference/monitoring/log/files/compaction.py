"""Make the rows of a journal into Parquet files, as a command for a process of its own.

A process of its own does this, so that a worker needs neither the time nor the memory for it. The
names of the files follow from the journal: if this is interrupted, it is done again, and replaces
the files that were complete.
"""

from __future__ import annotations

import math
import os
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.monitoring.log.files.index_file import ENDING, encode_index
from inference.monitoring.log.files.private_folder import make_folder
from inference.monitoring.log.files.retention import day_folder
from inference.monitoring.log.rows.index import join
from inference.monitoring.log.rows.logged_rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.monitoring.log.rows.index import Index
    from inference.monitoring.log.rows.logged_rows import LoggedRows
    from inference.monitoring.log.rows.schema import Schema

    Parts = list[tuple[LoggedRows, Any]]

_DAY_SECONDS = 86_400
_PRIVATE = 0o027  # neither readable nor writable by others


def compact(root: Path, journal: Path) -> list[Path]:
    """Write the rows of a journal as Parquet files.

    Args:
        root: The folder of the log.
        journal: The journal, which stays.

    Returns:
        The files.

    Raises:
        OSError: One cannot be written.
    """
    schemas: dict[str, Schema] = {}
    groups: dict[tuple[str, int], Parts] = defaultdict(list)
    for rows, _ in read_rows(memoryview(journal.read_bytes()), schemas):
        days = np.floor_divide(rows.requests.times, _DAY_SECONDS).astype(np.int64)[rows.places]
        for day in np.unique(days).tolist():
            groups[rows.schema.id, day].append((rows, np.flatnonzero(days == day)))
    files: list[Path] = []
    failures: list[BaseException] = []
    for (schema_id, _), parts in groups.items():
        try:
            files.append(_write(root, journal.stem, schemas[schema_id], parts))
        except BaseException as error:  # noqa: BLE001 - a panic of arro3 is no Exception
            failures.append(error)  # the rows of other models become files all the same
    if failures:
        raise failures[0]
    return files


def _write(root: Path, name: str, schema: Schema, parts: Parts) -> Path:
    from inference.monitoring.log.files.parquet import write_rows  # noqa: PLC0415 - arro3 is an extra

    first = datetime.fromtimestamp(_first_time(parts), UTC)
    day = day_folder(first.date().isoformat())
    folder = root / schema.model / str(schema.version) / day
    make_folder(folder)
    stem = f"{first:%H%M%S}-{name}-{schema.id}"
    path = folder / f"{stem}.parquet"
    hidden = folder / f".{stem}.{os.getpid()}.tmp"
    try:
        hidden.write_bytes(encode_index(schema, _index(parts)))
        _place(hidden, folder / f".{stem}{ENDING}")
        write_rows(schema, parts, hidden)
        _place(hidden, path)
        for left in folder.glob(f".{stem}.*.tmp"):  # of a process that was killed
            left.unlink(missing_ok=True)
    finally:
        hidden.unlink(missing_ok=True)
    return path


def _first_time(parts: Parts) -> int:
    first = min(
        float(np.asarray(rows.requests.times)[rows.places[chosen]].min()) for rows, chosen in parts
    )
    return math.floor(first)  # not rounded to the next day


def _index(parts: Parts) -> Index:
    return join([rows.index().choose(chosen) for rows, chosen in parts])


def _place(hidden: Path, path: Path) -> None:
    """Give a complete file its name, so that it is complete after a loss of power, too."""
    with hidden.open("rb") as file:
        os.fsync(file.fileno())
    hidden.rename(path)


def main(arguments: Sequence[str]) -> int:
    """Compact a journal.

    Returns:
        The exit status: 0, or the number of the system's error.
    """
    os.umask(_PRIVATE)
    os.nice(19)
    root, journal = map(Path, arguments)
    try:
        compact(root, journal)
    except OSError as error:
        return error.errno or 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
