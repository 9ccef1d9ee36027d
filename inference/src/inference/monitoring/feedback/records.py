"""A truth beside the answer that it belongs to: one line of JSON, which anything can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Record(msgspec.Struct, frozen=True):
    """The truth of one row.

    Attributes:
        time: When it arrived, in seconds since the epoch.
        request_id: The id of the request that was answered.
        row: The row in it.
        answered: When it was answered, in seconds since the epoch.
        kind: What truth and answer are.
        truth: The label or value, or an object of them by name.
        answer: The same of the answer; ``None`` for what is none of the model's labels.
    """

    time: float
    request_id: str
    row: int
    answered: float
    kind: Literal["label", "value"]
    truth: Any
    answer: Any


_decoder = msgspec.json.Decoder(Record)


def encode_records(records: Iterable[Record]) -> bytes:
    """Return a line for each record."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def decode_records(content: bytes) -> Iterator[Record]:
    """Return the records of complete lines; a line that is no record is left out."""
    for line in content.split(b"\n")[:-1]:
        try:
            yield _decoder.decode(line)
        except msgspec.DecodeError:  # torn by a full disk or the end of a process
            continue
