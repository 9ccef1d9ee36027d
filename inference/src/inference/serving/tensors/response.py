"""Results to the REST protocol's inference response: JSON, or JSON with binary data behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from inference.errors import InferenceError
from inference.serving.tensors.binary import to_binary
from inference.serving.tensors.classification import rank_classes
from inference.serving.tensors.values import to_values

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.serving.tensors.query import Query

Array = np.ndarray[Any, Any]

_encode = msgspec.json.Encoder().encode


class Result(NamedTuple):
    """One output of an answer.

    Attributes:
        name: The output's name.
        datatype: The protocol's name of its element type.
        array: Its values; strings where classes were asked for.
        binary: Whether its data is wanted as bytes.
    """

    name: str
    datatype: str
    array: Array
    binary: bool


class Response(NamedTuple):
    """A response's body.

    Attributes:
        body: The whole body.
        json_bytes: How many of its bytes are the JSON, where binary data follows; else ``None``.
    """

    body: bytes
    json_bytes: int | None


def pick_results(servable: Servable, query: Query, values: list[Any]) -> list[Result]:
    """Return each value of a run in the requested form.

    Raises:
        InferenceError: A value is not what the model's signature says.
    """
    results: list[Result] = []
    for wanted, value in zip(query.outputs, values, strict=True):
        spec = servable.signature.output(wanted.name)
        if spec is None or spec.datatype is None or not isinstance(value, np.ndarray):
            raise InferenceError(f"output '{wanted.name}' is not the tensor it was said to be")
        if wanted.classes:
            ranked = rank_classes(value, wanted.classes, servable.keys_of(wanted.name))
            results.append(Result(wanted.name, "BYTES", ranked, wanted.binary))
        else:
            results.append(Result(wanted.name, spec.datatype, value, wanted.binary))
    return results


def write_response(servable: Servable, query: Query, results: list[Result]) -> Response:
    """Write a response."""
    answer: dict[str, Any] = {
        "model_name": servable.name,
        "model_version": str(servable.version),
    }
    if query.id is not None:
        answer["id"] = query.id
    buffers: list[bytes | memoryview] = []
    outputs: list[dict[str, Any]] = []
    for name, datatype, array, binary in results:
        output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
        if binary:
            buffer = to_binary(array)
            buffers.append(buffer)
            output["parameters"] = {"binary_data_size": len(buffer)}
        else:
            output["data"] = msgspec.Raw(to_values(array))
        outputs.append(output)
    answer["outputs"] = outputs
    document = _encode(answer)
    if not any(result.binary for result in results):
        return Response(document, None)
    return Response(b"".join([document, *buffers]), len(document))
