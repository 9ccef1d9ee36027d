"""Truncated files, and other files that cannot be ONNX models: recognized by a few bytes.

Such a file is refused, see :meth:`inference.repository.entry.Entry.refuse`: a file younger than two
seconds is tried again, because it may still be being written. An older one is quarantined with the
reason. The version that was active before stays active.

An examination takes a process and tens of milliseconds. In a folder full of texts, half copies and
noise, good models would wait for minutes, so those files are refused before. This walks over the
top level of the file. It refuses nothing that protobuf would read, except groups, which no version
of ONNX has.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from inference.admission.files.contents import ChangedError, Fingerprint, open_file
from inference.admission.files.file_format import HEAD_BYTES, explain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NO_MODEL = "the file is not an ONNX model, or it is truncated"
_NO_GRAPH = "the file is not an ONNX model: it has no graph"
_MOST_FIELDS = 1000  # a file of more is left to its examination
_HEAD_BYTES = 20  # a field's key and length
_VARINT_BYTES = 10
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_IR_VERSION, _GRAPH = 1, 7  # fields of ModelProto


def find_faults(files: Sequence[tuple[Path, Fingerprint]]) -> list[str]:
    """Return why each file cannot be a model; empty if it may be one, or has changed."""
    return [_look(path, fingerprint) for path, fingerprint in files]


def _look(path: Path, fingerprint: Fingerprint) -> str:
    try:
        file = open_file(path)
    except (OSError, ChangedError):
        return ""
    try:
        status = os.fstat(file)
        if Fingerprint.of(status) != fingerprint:
            return ""
        fault = _walk(file, status.st_size)
        return fault and explain(fault, os.pread(file, HEAD_BYTES, 0))
    except OSError:
        return ""
    finally:
        os.close(file)


def _walk(file: int, size: int) -> str:
    if not size:
        return "the file is empty"
    offset = 0
    seen: set[int] = set()
    for _ in range(_MOST_FIELDS):
        if offset == size:
            return "" if {_IR_VERSION, _GRAPH} <= seen else _NO_GRAPH
        field, length = _measure(os.pread(file, _HEAD_BYTES, offset))
        if length <= 0 or offset + length > size:
            return _NO_MODEL
        seen.add(field)
        offset += length
    return ""


def _measure(head: bytes) -> tuple[int, int]:
    """Return a field's number and its size in bytes; 0 if it is invalid."""
    key, begin = _read_varint(head, 0)
    number, kind = key >> 3, key & 7
    if not begin or not number:
        return 0, 0
    if kind == _VARINT:
        return number, _read_varint(head, begin)[1]
    if kind == _LENGTH:
        length, begin = _read_varint(head, begin)
        return number, begin and begin + length
    return number, begin + {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind, -begin)


def _read_varint(head: bytes, begin: int) -> tuple[int, int]:
    """Return a number and the offset of its end; 0 if it has none."""
    value = 0
    for index, byte in enumerate(head[begin : begin + _VARINT_BYTES]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, begin + index + 1
    return 0, 0
