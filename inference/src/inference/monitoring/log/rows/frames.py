"""Frames: what is appended to a journal, each with a header, a body and a checksum.

A process that is killed leaves at most one incomplete frame, at the end; readers stop before it.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAGIC = b"RKF1"
# The mark, the lengths of header and body, and the checksum of both.
_LENGTHS = struct.Struct("<4sIQI")


class Header(msgspec.Struct, frozen=True):
    """Says what the body of a frame contains.

    Attributes:
        schema: Identifies the schema of the rows.
        requests: How many requests; 0 if the body is the schema itself.
        sizes: The length of each buffer in the body, in bytes.
    """

    schema: str
    requests: int
    sizes: list[int]


class Frame(NamedTuple):
    """One frame.

    Attributes:
        header: The header.
        buffers: The body in pieces.
        end: Where the frame ends in what was read.
    """

    header: Header
    buffers: list[memoryview]
    end: int


def encode_frame(schema: str, requests: int, buffers: Sequence[bytes]) -> bytes:
    """Encode a frame.

    Args:
        schema: Identifies the schema of the rows.
        requests: How many requests; 0 if the body is the schema itself.
        buffers: The body in pieces.
    """
    header = msgspec.json.encode(Header(schema, requests, [len(one) for one in buffers]))
    content = header + b"".join(buffers)
    lengths = _LENGTHS.pack(_MAGIC, len(header), len(content) - len(header), zlib.crc32(content))
    return lengths + content


def read_frames(content: memoryview) -> Iterator[Frame]:
    """Return the complete frames of a file, or of a part of it that begins with a frame."""
    begin = 0
    while begin + _LENGTHS.size <= len(content):
        magic, header_bytes, body_bytes, checksum = _LENGTHS.unpack_from(content, begin)
        first = begin + _LENGTHS.size
        end = first + header_bytes + body_bytes
        if magic != _MAGIC or end > len(content) or zlib.crc32(content[first:end]) != checksum:
            return
        header = msgspec.json.decode(content[first : first + header_bytes], type=Header)
        buffers, at = [], first + header_bytes
        for size in header.sizes:
            buffers.append(content[at : at + size])
            at += size
        yield Frame(header, buffers, end)
        begin = end
