"""Inference messages to queries, and results to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import RequestError
from inference.serving.tensors.binary import from_binary, to_binary
from inference.serving.tensors.query import Wanted, find_input, make_query, tensor_outputs
from inference.web.grpc import protocol_pb2 as pb

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


def read_message(signature: Signature, request: pb.ModelInferRequest, *, max_rows: int) -> Query:
    """Read an inference request.

    Raises:
        RequestError: It is not what the protocol or the model takes.
        TooLargeError: Too many rows.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise RequestError(
            f"there are {len(raw)} raw_input_contents for {len(request.inputs)} inputs"
        )
    feeds: dict[str, np.ndarray[Any, Any]] = {}
    for index, tensor in enumerate(request.inputs):
        if tensor.name in feeds:
            raise RequestError(f"input '{tensor.name}' is given twice")
        dtype = find_input(signature, tensor.name, tensor.datatype, tensor.shape)
        _refuse_shared_memory(tensor)
        try:
            if raw:
                feeds[tensor.name] = from_binary(raw[index], dtype, tuple(tensor.shape))
            else:
                feeds[tensor.name] = _from_contents(tensor, dtype)
        except RequestError as error:
            raise RequestError(f"input '{tensor.name}': {error}") from None
    outputs = [_wanted(output) for output in request.outputs]
    outputs = outputs or [Wanted(name, binary=True) for name in tensor_outputs(signature)]
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
    tensor: pb.ModelInferRequest.InferInputTensor, dtype: np.dtype[Any]
) -> np.ndarray[Any, Any]:
    field = _FIELDS.get(tensor.datatype)
    if field is None:
        raise RequestError(f"{tensor.datatype} travels in raw_input_contents only")
    values: Any = getattr(tensor.contents, field)
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


def _wanted(output: pb.ModelInferRequest.InferRequestedOutputTensor) -> Wanted:
    _refuse_shared_memory(output)
    if "classification" not in output.parameters:
        return Wanted(output.name, binary=True)
    classes = output.parameters["classification"].int64_param
    if classes < 1:
        raise RequestError(f"output '{output.name}': classification is at least 1")
    return Wanted(output.name, binary=True, classes=classes)


def _refuse_shared_memory(
    tensor: pb.ModelInferRequest.InferInputTensor | pb.ModelInferRequest.InferRequestedOutputTensor,
) -> None:
    if "shared_memory_region" in tensor.parameters:
        raise RequestError(f"'{tensor.name}' refers to shared memory, which this server has not")
