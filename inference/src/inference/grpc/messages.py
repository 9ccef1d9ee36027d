"""Inference messages to queries, and results to messages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from inference.errors import RequestError
from inference.grpc import protocol_pb2 as pb
from inference.grpc.wire_format import Split, read_contents, split_message
from inference.runtime.threads import INLINE_BYTES, off_loop
from inference.serving.tensors.binary import from_binary, to_binary
from inference.serving.tensors.query import (
    MAX_STRINGS,
    RequestedOutput,
    find_input,
    make_query,
    tensor_outputs,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.servable import Servable
    from inference.model.signature import Signature
    from inference.serving.tensors.query import Query
    from inference.serving.tensors.response import Result

# Which field of InferTensorContents holds a datatype's values; FP16 has none.
_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class Asked(NamedTuple):
    """An inference request.

    Attributes:
        request: The message; without its values where these are apart.
        values: The values of a long message, as they were sent.
    """

    request: pb.ModelInferRequest
    values: Split | None

    @property
    def values_bytes(self) -> int:
        """How long the values are that are apart."""
        return sum(map(len, (*self.values.raw, *self.values.contents))) if self.values else 0


def parse_message(kind: Any, data: bytes) -> Any:
    """Parse a short message.

    Raises:
        RequestError: It is not of that kind.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        raise RequestError("the message is not what the call takes") from None


async def parse_inference(data: bytes) -> Asked:
    """Parse an inference request; the values of a long one are left as they are.

    Raises:
        RequestError: It is none.
        TooLargeError: There is too much in it beside values.
    """
    if len(data) <= INLINE_BYTES:
        return Asked(parse_message(pb.ModelInferRequest, data), None)
    return await off_loop(len(data), parse_long, data)


def parse_long(data: bytes) -> Asked:
    """Parse a long inference request; see :func:`parse_inference`."""
    split = split_message(data)
    return Asked(parse_message(pb.ModelInferRequest, split.header), split)


def read_message(
    signature: Signature, asked: Asked, *, max_rows: int, max_strings: int = MAX_STRINGS
) -> Query:
    """Read an inference request.

    Raises:
        RequestError: It is not what the protocol or the model takes.
        TooLargeError: Too many rows or strings.
    """
    request, values = asked
    raw: Any = request.raw_input_contents if values is None else values.raw
    if raw and len(raw) != len(request.inputs):
        raise RequestError(
            f"there are {len(raw)} raw_input_contents for {len(request.inputs)} inputs"
        )
    if len(request.outputs) > len(signature.outputs):
        raise RequestError(
            f"{len(request.outputs)} outputs are asked for, the model has {len(signature.outputs)}"
        )
    feeds: dict[str, np.ndarray[Any, Any]] = {}
    for index, tensor in enumerate(request.inputs):
        if tensor.name in feeds:
            raise RequestError(f"input '{tensor.name}' is given twice")
        dtype = find_input(
            signature, tensor.name, tensor.datatype, tensor.shape, max_strings=max_strings
        )
        _refuse_shared_memory(tensor)
        try:
            if raw:
                feeds[tensor.name] = from_binary(raw[index], dtype, tuple(tensor.shape))
            else:
                contents = None if values is None else values.contents[index]
                feeds[tensor.name] = _from_contents(tensor, dtype, contents)
        except RequestError as error:
            raise RequestError(f"input '{tensor.name}': {error}") from None
    outputs = [_wanted(output) for output in request.outputs]
    outputs = outputs or [RequestedOutput(name, binary=True) for name in tensor_outputs(signature)]
    return make_query(signature, feeds, outputs, id_=request.id, max_rows=max_rows)


def write_message(
    servable: Servable, query: Query, results: Sequence[Result]
) -> pb.ModelInferResponse:
    """Write an inference response, its values as raw bytes."""
    return pb.ModelInferResponse(
        model_name=servable.name,
        model_version=str(servable.version),
        id=query.id or "",
        outputs=[
            pb.ModelInferResponse.InferOutputTensor(
                name=result.name, datatype=result.datatype, shape=result.array.shape
            )
            for result in results
        ],
        raw_output_contents=[bytes(to_binary(result.array)) for result in results],
    )


def _from_contents(
    tensor: pb.ModelInferRequest.InferInputTensor,
    dtype: np.dtype[Any],
    contents: memoryview | None,
) -> np.ndarray[Any, Any]:
    field = _FIELDS.get(tensor.datatype)
    if field is None:
        raise RequestError(f"{tensor.datatype} travels in raw_input_contents only")
    if contents is not None:
        return read_contents(contents, field, dtype, tensor.shape, math.prod(tensor.shape))
    values = list(getattr(tensor.contents, field))  # as an array it would be cast unseen
    try:
        if dtype == np.object_:
            values = [value.decode() for value in values]
        return np.array(values, dtype=dtype).reshape(tuple(tensor.shape))
    except UnicodeDecodeError as error:
        raise RequestError(f"an element is not UTF-8: {error.reason}") from None
    except (OverflowError, ValueError) as error:
        raise RequestError(
            f"its {field} do not fit its datatype and shape {list(tensor.shape)}: {error}"
        ) from None


def _wanted(output: pb.ModelInferRequest.InferRequestedOutputTensor) -> RequestedOutput:
    _refuse_shared_memory(output)
    if "classification" not in output.parameters:
        return RequestedOutput(output.name, binary=True)
    classes = output.parameters["classification"].int64_param
    if classes < 1:
        raise RequestError(f"output '{output.name}': classification is at least 1")
    return RequestedOutput(output.name, binary=True, classes=classes)


def _refuse_shared_memory(
    tensor: pb.ModelInferRequest.InferInputTensor | pb.ModelInferRequest.InferRequestedOutputTensor,
) -> None:
    if "shared_memory_region" in tensor.parameters:
        raise RequestError(
            f"'{tensor.name}' refers to shared memory, which this server does not support"
        )
