"""The hidden file beside a Parquet file, with the index of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from inference.monitoring.log.rows.frames import encode_frame, read_frames
from inference.monitoring.log.rows.index import Index
from inference.monitoring.log.rows.truth_kind import TruthKind  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from inference.monitoring.log.rows.logged_rows import LoggedRows
    from inference.monitoring.log.rows.schema import Schema

ENDING = ".index"


class _Description(msgspec.Struct, frozen=True):
    model: str
    version: int
    rows: int
    truth_kind: TruthKind | None


class IndexedRows(NamedTuple):
    """Rows of one version with their index.

    Attributes:
        model: The model's name.
        version: Its version.
        kind: What the truth of a row is; ``None`` if there is none.
        answers: The index.
        size_bytes: How much memory the index takes.
    """

    model: str
    version: int
    kind: TruthKind | None
    answers: Index
    size_bytes: int

    @classmethod
    def of(cls, rows: LoggedRows) -> IndexedRows:
        """Index the rows of a journal."""
        schema, index = rows.schema, rows.index().sorted()
        size = sum(array.nbytes for array in index)
        return cls(schema.model, schema.version, schema.truth_kind, index, size)


def encode_index(schema: Schema, index: Index) -> bytes:
    """Return the content of the file of some rows."""
    rows = len(index.ids)
    described = _Description(schema.model, schema.version, rows, schema.truth_kind)
    arrays = [array.tobytes() for array in index.sorted()]
    return encode_frame(schema.id, rows, [msgspec.json.encode(described), *arrays])


def decode_index(content: bytes) -> IndexedRows | None:
    """Return the rows in a file; ``None`` if it is damaged."""
    for frame in read_frames(memoryview(content)):
        described = msgspec.json.decode(frame.buffers[0], type=_Description)
        index = Index.of_buffers(frame.buffers[1:], described.rows)
        size = sum(map(len, frame.buffers))
        return IndexedRows(described.model, described.version, described.truth_kind, index, size)
    return None
