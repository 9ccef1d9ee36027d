"""Read what the prediction log has written, and write what it would."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from arro3.io import read_parquet

from inference.model.servable import Servable
from inference.monitoring.columns import ServedTable
from inference.monitoring.log.files.journal import Journal, journal_paths
from inference.monitoring.log.rows.encoder import RowEncoder, requests_of
from inference.monitoring.log.rows.logged_rows import encode_schema, read_rows
from inference.monitoring.served import ServedBatch
from inference.telemetry.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from inference.model.contract import Scalar
    from inference.monitoring.served import Handed


def load(data: bytes, name: str = "penguins", version: int = 1) -> Servable:
    return Servable.load(name, version, data)


def answer(
    servable: Servable,
    rows: Sequence[Sequence[Scalar]],
    request_id: bytes = b"an-id",
    key: str | None = None,
    *,
    outputs: Sequence[str] | None = None,
) -> Handed:
    """Run a servable on the rows of one request, and return what the event loop hands on."""
    timing = Timing()
    timing.rows = len(rows)
    feeds = servable.to_feeds(rows)
    names = [spec.name for spec in servable.signature.outputs] if outputs is None else outputs
    timing.answer(feeds, names, servable.run(names, feeds))
    timing.finish()
    return servable, timing, request_id, key, 1.0


def encode(
    servable: Servable, handed: Sequence[Handed], omitted: Collection[str] = ()
) -> tuple[RowEncoder, bytes]:
    encoder = RowEncoder(servable, omitted)
    table = ServedTable(servable, ServedBatch(handed))
    return encoder, encoder.encode(table, requests_of(table))


def write_journal(
    root: Path, servable: Servable, handed: Sequence[Handed], omitted: Collection[str] = ()
) -> Journal:
    """Write the rows of requests to a journal of its own."""
    encoder, frame = encode(servable, handed, omitted)
    journal = Journal.create(root)
    journal.append(encode_schema(encoder.schema) + frame, len(handed))
    return journal


def decode(content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a journal, without the time of their answers."""
    found: list[dict[str, Any]] = []
    for rows, _ in read_rows(memoryview(content), {}):
        columns = {c.name: rows.column(i).to_list() for i, c in enumerate(rows.schema.columns)}
        for at, place in enumerate(rows.places.tolist()):
            fixed = {
                "request_id": rows.requests.ids[place].decode(),
                "row": int(rows.numbers[at]),
                "key_id": rows.requests.keys[place],
            }
            found.append(fixed | {name: values[at] for name, values in columns.items()})
    return found


def journaled(root: Path) -> list[dict[str, Any]]:
    """Return the rows in all journals of a log; one that became a file meanwhile has none."""
    rows: list[dict[str, Any]] = []
    for path in journal_paths(root):
        with contextlib.suppress(FileNotFoundError):
            rows += decode(path.read_bytes())
    return rows


def filed(root: Path) -> list[dict[str, Any]]:
    """Return the rows in all files of a log."""
    return [row for path in sorted(root.rglob("*.parquet")) for row in read_file(path)]


def read_file(path: Path) -> list[dict[str, Any]]:
    table = read_parquet(path).read_all()
    columns = [table.column(name).to_pylist() for name in table.column_names]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
