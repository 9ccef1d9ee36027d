"""The REST protocol's inference request to a query: JSON, JSON with binary data, or raw.

Source: https://github.com/kserve/open-inference-protocol, specification of the REST protocol, and
Triton's binary tensor data extension.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from inference.errors import RequestError
from inference.serving.json_encoding import explain_refusal, is_utf8, to_utf8
from inference.serving.tensors.binary import from_binary
from inference.serving.tensors.data_spans import split_data
from inference.serving.tensors.list_slices import WHOLE_BYTES, Span
from inference.serving.tensors.query import (
    MAX_STRINGS,
    RequestedOutput,
    find_input,
    find_output,
    make_query,
    tensor_outputs,
)
from inference.serving.tensors.values import from_values

if TYPE_CHECKING:
    import numpy as np

    from inference.model.signature import Signature
    from inference.serving.tensors.query import Query

_LONGEST_NUMBER = 19
_NO_JSON = "FP16 has no JSON form: send and ask for it as binary data"


class _InputParameters(msgspec.Struct):
    binary_data_size: msgspec.Raw = msgspec.Raw()
    shared_memory_region: msgspec.Raw = msgspec.Raw()


class _OutputParameters(msgspec.Struct):
    classification: msgspec.Raw = msgspec.Raw()
    binary_data: msgspec.Raw = msgspec.Raw()
    shared_memory_region: msgspec.Raw = msgspec.Raw()


class _Parameters(msgspec.Struct):
    binary_data_output: msgspec.Raw = msgspec.Raw()


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: _InputParameters | None = None
    data: msgspec.Raw = msgspec.Raw()


class _Output(msgspec.Struct):
    name: str
    parameters: _OutputParameters | None = None


class _Request(msgspec.Struct):
    inputs: list[_Input]
    outputs: list[_Output] | None = None
    id: str | None = None
    parameters: _Parameters | None = None


_decode = msgspec.json.Decoder(_Request).decode


class _Tail:
    """The binary data behind the JSON, handed out in order."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._offset = 0

    def take(self, size: int) -> memoryview:
        left = len(self._buffer) - self._offset
        if size > left:
            raise RequestError(f"its binary_data_size is {size}, the body has {left} bytes left")
        taken = self._buffer[self._offset : self._offset + size]
        self._offset += size
        return taken

    def finish(self) -> None:
        left = len(self._buffer) - self._offset
        if left:
            raise RequestError(f"the body has {left} bytes more than the inputs take")


def read_request(
    signature: Signature,
    body: bytes,
    json_bytes: int | None,
    *,
    max_rows: int,
    max_strings: int = MAX_STRINGS,
) -> Query:
    """Read a request.

    Args:
        signature: The inputs and outputs of the model.
        body: The whole body, decompressed.
        json_bytes: How many of its bytes are the JSON; ``None`` for all, 0 for a raw request.
        max_rows: The most rows in one request.
        max_strings: The most strings in one input.

    Raises:
        RequestError: It is not valid for the protocol or for the model.
        TooLargeError: Too many rows or strings, or too much beside the inputs' data.
    """
    if json_bytes == 0:
        return _read_raw(signature, body, max_rows, max_strings)
    if json_bytes is not None and json_bytes > len(body):
        raise RequestError(
            f"the header Inference-Header-Content-Length is {json_bytes}, "
            f"the body has {len(body)} bytes"
        )
    view = memoryview(body)
    tail = _Tail(view[json_bytes:] if json_bytes is not None else view[:0])
    request, lists = _decode_json(
        body, body if json_bytes is None else view[:json_bytes], max_strings
    )
    feeds: dict[str, np.ndarray[Any, Any]] = {}
    for tensor in request.inputs:
        if tensor.name in feeds:
            raise RequestError(f"input '{tensor.name}' is given twice")
        dtype = find_input(
            signature, tensor.name, tensor.datatype, tensor.shape, max_strings=max_strings
        )
        feeds[tensor.name] = _read_input(tensor, dtype, tail, lists)
    tail.finish()
    if lists:
        raise RequestError("the body has a long list of data that belongs to no input")
    outputs = _read_outputs(signature, request)
    return make_query(signature, feeds, outputs, id_=request.id, max_rows=max_rows)


def _decode_json(
    body: bytes, text: bytes | memoryview, max_strings: int
) -> tuple[_Request, dict[bytes, Span]]:
    """Decode the JSON that a body begins with; its long lists are only located.

    Raises:
        RequestError: It is no inference request.
        TooLargeError: Too many strings, or too much beside the inputs' data.
    """
    if not is_utf8(bytes(text[:4])):
        body = text = to_utf8(bytes(text))
    lists: dict[bytes, Span] = {}
    if len(text) > WHOLE_BYTES:
        text, lists = split_data(body, len(text), max_strings)
    try:
        return _decode(text), lists
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        reason = explain_refusal(error, text)
        raise RequestError(f"the body is not an inference request: {reason}") from None


def _read_input(
    tensor: _Input,
    dtype: np.dtype[Any],
    tail: _Tail,
    lists: dict[bytes, Span],
) -> np.ndarray[Any, Any]:
    size = None
    if tensor.parameters is not None:
        _refuse_shared_memory(tensor.name, tensor.parameters.shared_memory_region)
        size = _number(tensor.parameters.binary_data_size, "binary_data_size")
    text = bytes(tensor.data)
    span = lists.pop(text, None) or Span.whole(text)
    if size is not None and text:
        raise RequestError(f"input '{tensor.name}' has both data and binary_data_size")
    if size is None and not text:
        raise RequestError(f"input '{tensor.name}' has no data")
    if size is None and tensor.datatype == "FP16":
        raise RequestError(f"input '{tensor.name}': {_NO_JSON}")
    try:
        if size is None:
            return from_values(span, dtype, tensor.shape)
        return from_binary(tail.take(size), dtype, tensor.shape)
    except RequestError as error:
        raise type(error)(f"input '{tensor.name}': {error}") from None


def _read_outputs(signature: Signature, request: _Request) -> list[RequestedOutput]:
    asked = request.outputs or [_Output(name) for name in tensor_outputs(signature)]
    all_binary = False
    if request.parameters is not None:
        given_to_all = request.parameters.binary_data_output
        all_binary = _flag(given_to_all, "binary_data_output", default=False)
    wanted: list[RequestedOutput] = []
    for output in asked:
        spec = find_output(signature, output.name)
        binary, classes = all_binary, None
        given = output.parameters
        if given is not None:
            _refuse_shared_memory(output.name, given.shared_memory_region)
            binary = _flag(given.binary_data, "binary_data", default=all_binary)
            classes = _number(given.classification, "classification")
        if classes == 0:
            raise RequestError(f"output '{output.name}': classification is at least 1")
        if spec.datatype == "FP16" and not binary and classes is None:
            raise RequestError(f"output '{output.name}': {_NO_JSON}")
        wanted.append(RequestedOutput(output.name, binary, classes or 0))
    return wanted


def _read_raw(signature: Signature, body: bytes, max_rows: int, max_strings: int) -> Query:
    """Read a request that is nothing but the buffer of the model's only input."""
    if len(signature.inputs) != 1:
        raise RequestError(
            f"a raw request is for models with one input, this one has {len(signature.inputs)}"
        )
    spec = signature.inputs[0]
    if spec.dtype is None or spec.datatype is None:
        raise RequestError(f"input '{spec.name}' is {spec.onnx_type}, which has no raw form")
    if spec.shape.count(-1) > 1:
        raise RequestError(
            f"a raw request is for at most one variable dimension, input '{spec.name}' has the "
            f"shape {list(spec.shape)}"
        )
    fixed = math.prod(d for d in spec.shape if d != -1)
    if spec.datatype == "BYTES":
        count = _count_strings(body, max_strings)
    else:
        count = len(body) // spec.dtype.itemsize
    variable = count // fixed if fixed else 0
    shape = [variable if d == -1 else d for d in spec.shape]
    find_input(signature, spec.name, spec.datatype, shape, max_strings=max_strings)
    try:
        feeds = {spec.name: from_binary(body, spec.dtype, shape)}
    except RequestError as error:
        raise RequestError(f"input '{spec.name}': {error}") from None
    outputs = [RequestedOutput(name, binary=True) for name in tensor_outputs(signature)]
    return make_query(signature, feeds, outputs, max_rows=max_rows)


def _count_strings(body: bytes, most: int) -> int:
    count, offset = 0, 0
    while offset < len(body) and count <= most:
        offset += 4 + int.from_bytes(body[offset : offset + 4], "little")
        count += 1
    return count


def _refuse_shared_memory(name: str, region: msgspec.Raw) -> None:
    if bytes(region):
        raise RequestError(f"'{name}' refers to shared memory, which this server does not support")


def _number(given: msgspec.Raw, name: str) -> int | None:
    text = bytes(given)
    if text in {b"", b"null"}:
        return None
    if not (text.isdigit() and len(text) < _LONGEST_NUMBER):
        raise RequestError(f"the parameter {name} is a whole number, not negative")
    return int(text)


def _flag(given: msgspec.Raw, name: str, *, default: bool) -> bool:
    text = bytes(given)
    if text not in {b"", b"true", b"false"}:
        raise RequestError(f"the parameter {name} is true or false")
    return text == b"true" if text else default
