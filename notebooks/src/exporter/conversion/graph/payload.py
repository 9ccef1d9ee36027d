"""Large attributes of nodes, such as the millions of numbers of a forest, as they are in a file.

Python's messages hold each number as eight bytes or more, and are copied when they are serialized.
So large attributes are encoded directly from arrays, and inserted when the model is serialized.

Source: https://protobuf.dev/programming-guides/encoding/, and onnx/onnx.proto for the numbers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

if TYPE_CHECKING:
    from collections.abc import Mapping

    Array = np.ndarray[Any, Any]

Payload = dict[str, Any]
_VARINT_BITS = 7
_LENGTH_DELIMITED = 2  # the wire type of messages, bytes and packed numbers


def encode(payload: Payload) -> bytes:
    """Encode attributes of a node.

    Args:
        payload: An array by the name of each attribute: floats and bytes become a tensor, other
            numbers integers, which must not be negative; a pair of texts and indices become texts.
    """
    return b"".join(_encode(name, values) for name, values in payload.items())


def serialize(model: Any, payloads: Mapping[str, bytes]) -> bytes:
    """Serialize a model with the large attributes of its nodes.

    Args:
        model: The model; it is taken apart.
        payloads: Attributes by the name of their node, see :func:`encode`.
    """
    number = GraphProto.NODE_FIELD_NUMBER
    nodes: list[bytes] = []
    for node in model.graph.node:
        small, large = node.SerializeToString(), payloads.get(node.name, b"")
        nodes += [_head(number, len(small) + len(large)), small, large]
    del model.graph.node[:]
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    size = len(graph) + sum(map(len, nodes))
    head = _head(ModelProto.GRAPH_FIELD_NUMBER, size)
    return b"".join([model.SerializeToString(), head, graph, *nodes])


def _encode(name: str, values: Any) -> bytes:
    if isinstance(values, tuple):
        kind, number = AttributeProto.STRINGS, AttributeProto.STRINGS_FIELD_NUMBER
        texts, indices = values
        pieces = np.array([_head(number, len(text)) + text for text in texts], dtype=object)
        content = b"".join(pieces[indices].tolist())
    elif values.dtype.kind == "f" or values.dtype == np.uint8:
        kind = AttributeProto.TENSOR
        element = helper.np_dtype_to_tensor_dtype(values.dtype)
        tensor = TensorProto(dims=values.shape, data_type=element).SerializeToString()
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        tensor += _wrap(TensorProto.RAW_DATA_FIELD_NUMBER, little.tobytes())
        content = _wrap(AttributeProto.T_FIELD_NUMBER, tensor)
    else:
        kind = AttributeProto.INTS
        content = _wrap(AttributeProto.INTS_FIELD_NUMBER, encode_varints(values))
    attribute = AttributeProto(name=name, type=kind).SerializeToString() + content
    return _wrap(NodeProto.ATTRIBUTE_FIELD_NUMBER, attribute)


def encode_varints(values: Array) -> bytes:
    """Encode integers from 0 on: seven bits a byte, the lowest first, each but the last marked."""
    rest = values.astype(np.uint64)
    sizes = np.ones(len(rest), dtype=np.int64)
    most = int(rest.max(initial=0)).bit_length()
    for bits in range(_VARINT_BITS, most, _VARINT_BITS):
        sizes += rest >= 1 << bits
    ends = np.cumsum(sizes)
    encoded = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    starts = ends - sizes
    for place in range(int(sizes.max(initial=0))):
        known = sizes > place
        low = (rest[known] >> np.uint64(_VARINT_BITS * place)) & np.uint64(0x7F)
        more = (sizes[known] > place + 1).astype(np.uint8) << _VARINT_BITS
        encoded[starts[known] + place] = low.astype(np.uint8) | more
    return encoded.tobytes()


def _wrap(number: int, content: bytes) -> bytes:
    return _head(number, len(content)) + content


def _head(number: int, size: int) -> bytes:
    return encode_varints(np.array([number << 3 | _LENGTH_DELIMITED, size]))
