"""The fields in which the service looks for external data are all that ONNX has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from onnx import ModelProto, TensorProto

from inference.errors import ArtifactError
from inference.model.graph.onnx_file import _FIELDS, read_metadata

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Ours, by the names of ONNX's messages.
_OTHERS = {"Entry": "StringStringEntryProto", "Value": "ValueInfoProto"}
OURS = {_OTHERS.get(name, f"{name}Proto"): name for name in _FIELDS}


def _messages(root: Any) -> dict[str, Any]:
    """Collect a message and all that can stand in it, however deep."""
    found, left = {root.name: root}, [root]
    while left:
        for field in left.pop().fields:
            inner = field.message_type
            if inner is not None and inner.name not in found:
                found[inner.name] = inner
                left.append(inner)
    return found


MESSAGES = _messages(ModelProto.DESCRIPTOR)
# Types that are the same on the wire.
SCALARS = {
    "bytes": {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES},
    "int32": {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM},
    "int64": {FieldDescriptor.TYPE_INT64},
}


def _holders() -> set[str]:
    """Name the messages that can hold a tensor, at whatever depth."""
    holders = {"TensorProto"}
    while True:
        more = {
            name
            for name, described in MESSAGES.items()
            if any(f.message_type and f.message_type.name in holders for f in described.fields)
        }
        if more <= holders:
            return holders
        holders |= more


def _edges() -> list[Any]:
    holders = _holders()
    return [
        field
        for name in sorted(holders - {"TensorProto"})
        for field in MESSAGES[name].fields
        if field.message_type is not None and field.message_type.name in holders
    ]


@pytest.mark.parametrize("field", _edges(), ids=lambda field: field.full_name)
def test_every_field_on_the_way_to_a_tensor_is_looked_into(field: Any) -> None:
    declared = _FIELDS[OURS[field.containing_type.name]]
    expected = (field.number, OURS[field.message_type.name], field.is_repeated)
    assert declared[field.name] == expected


@pytest.mark.parametrize("name", sorted(_FIELDS))
def test_what_is_declared_is_onnxs(name: str) -> None:
    theirs = next(MESSAGES[onnxs] for onnxs, ours in OURS.items() if ours == name)
    for field, (number, of, repeated) in _FIELDS[name].items():
        described = theirs.fields_by_name[field]
        assert (described.number, described.is_repeated) == (number, repeated)
        if of in _FIELDS:
            assert OURS[described.message_type.name] == of
        else:
            assert described.message_type is None
            assert described.type in SCALARS[of]


def _wrap(inner: Message, field: Any) -> Message:
    """Put a message into the message that has the field."""
    outer: Message = getattr(onnx, field.containing_type.name)()
    place = getattr(outer, field.name)
    (place.add() if field.is_repeated else place).CopyFrom(inner)
    return outer


def _paths(name: str, seen: frozenset[str]) -> list[list[Any]]:
    """List the ways from a message up to the model, through each message once."""
    if name == "ModelProto":
        return [[]]
    return [
        [field, *rest]
        for field in _edges()
        if field.message_type.name == name and field.containing_type.name not in seen
        for rest in _paths(field.containing_type.name, seen | {field.containing_type.name})
    ]


@pytest.mark.parametrize(
    "path", _paths("TensorProto", frozenset({"TensorProto"})),
    ids=lambda path: "-".join(field.name for field in path),
)  # fmt: skip
def test_external_data_is_refused_on_every_path(path: list[FieldDescriptor]) -> None:
    inner: Message = TensorProto(name="stolen", data_location=TensorProto.EXTERNAL)
    for field in path:
        inner = _wrap(inner, field)
    assert isinstance(inner, ModelProto)
    inner.ir_version = 10
    inner.graph.name = "g"
    with pytest.raises(ArtifactError, match="'stolen' keeps its data in another file"):
        read_metadata(inner.SerializeToString())
