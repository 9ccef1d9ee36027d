"""Rows in a journal: the requests of one batch and one schema, in one frame."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from inference.monitoring.log.rows.frames import encode_frame, read_frames
from inference.monitoring.log.rows.index import Index, hash_ids
from inference.monitoring.log.rows.schema import Schema
from inference.monitoring.log.rows.values import Values, decode_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Array = np.ndarray[Any, Any]

_keys = msgspec.json.Decoder(list[str | None])
_FIXED_BUFFERS = 5


class Requests(NamedTuple):
    """What is known of the requests.

    Attributes:
        ids: Their ids.
        keys: The ids of the callers' keys; empty if nothing has one.
        times: When they were answered, in seconds since the epoch.
        seconds: How long each took; empty if that is left out.
        counts: How many rows each has; empty if each has one.
    """

    ids: Sequence[bytes]
    keys: Sequence[str | None]
    times: Sequence[float]
    seconds: Sequence[float]
    counts: Sequence[int]


def encode_schema(schema: Schema) -> bytes:
    """Return the frame that has to stand in front of the first rows of a schema."""
    return encode_frame(schema.id, 0, [schema.encoded])


def encode_rows(
    schema: Schema, requests: Requests, columns: Sequence[tuple[bytes, bytes]]
) -> bytes:
    """Return the frame of rows.

    Args:
        schema: Its columns are those that follow.
        requests: The requests.
        columns: For each column what
            :func:`inference.monitoring.log.rows.values.encode_values` returns.
    """
    buffers = [
        b"\n".join(requests.ids),
        np.array(requests.times, np.float64).tobytes(),
        np.array(requests.seconds, np.float64).tobytes(),
        msgspec.json.encode(requests.keys) if requests.keys else b"",
        np.array(requests.counts, np.uint32).tobytes(),
    ]
    for column in columns:
        buffers += column
    return encode_frame(schema.id, len(requests.ids), buffers)


class LoggedRows:
    """Rows that were read from a journal.

    Args:
        schema: Their schema.
        count: How many requests.
        buffers: What :func:`encode_rows` has put into the frame.

    Attributes:
        schema: The same.
    """

    def __init__(self, schema: Schema, count: int, buffers: Sequence[memoryview]) -> None:
        self.schema = schema
        self._count = count
        self._buffers = buffers

    @cached_property
    def requests(self) -> Requests:
        """The requests; ``keys`` and ``counts`` have a value for each."""
        ids, times, seconds, keys, counts = self._buffers[:_FIXED_BUFFERS]
        return Requests(
            bytes(ids).split(b"\n"),
            _keys.decode(keys) if len(keys) else [None] * self._count,
            np.frombuffer(times, np.float64),  # type: ignore[arg-type]
            np.frombuffer(seconds, np.float64),  # type: ignore[arg-type]
            np.frombuffer(counts, np.uint32) if len(counts) else np.ones(self._count, np.uint32),  # type: ignore[arg-type]
        )

    @cached_property
    def places(self) -> Array:
        """The place of each row's request."""
        return np.repeat(np.arange(self._count), self.requests.counts)

    @cached_property
    def numbers(self) -> Array:
        """The place of each row in its request."""
        counts = np.asarray(self.requests.counts, np.int64)
        begins = np.cumsum(counts) - counts
        return np.arange(int(counts.sum())) - np.repeat(begins, counts)

    def column(self, place: int) -> Values:
        """Return the values of a column of the schema."""
        at = _FIXED_BUFFERS + 2 * place
        kind, rows = self.schema.columns[place].kind, len(self.places)
        return decode_values(kind, self._buffers[at], self._buffers[at + 1], rows)

    def index(self) -> Index:
        """Return the index of the rows."""
        kind, places = self.schema.truth_kind, self.places
        names = [column.name for column in self.schema.columns]
        answers = np.zeros((len(places), 0))
        if kind is not None:
            found = [self.column(names.index(name)) for name in self.schema.truth_columns]
            answers = kind.encode([values.to_list() for values in found])
        return Index(
            hash_ids(self.requests.ids)[places],
            self.numbers.astype(np.uint32),
            np.asarray(self.requests.times, np.float64)[places],
            answers,
        )


def read_rows(content: memoryview, schemas: dict[str, Schema]) -> Iterator[tuple[LoggedRows, int]]:
    """Return the rows in a journal, and where each frame ends.

    Args:
        content: The journal, or a part of it that begins with a frame.
        schemas: The schemas that have been read so far, by id; those that are read are added.
    """
    for frame in read_frames(content):
        header = frame.header
        if not header.requests:
            schemas[header.schema] = msgspec.json.decode(frame.buffers[0], type=Schema)
        elif header.schema in schemas:
            schema = schemas[header.schema]
            yield LoggedRows(schema, header.requests, frame.buffers), frame.end
