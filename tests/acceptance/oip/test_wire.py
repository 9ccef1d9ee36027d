"""Long gRPC messages are read from their wire format as protobuf's own parser reads short ones."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from inference.errors import ClientError, RequestError, TooLargeError
from inference.grpc import protocol_pb2 as pb
from inference.grpc.messages import (
    Asked,
    parse_long,
    parse_message,
    read_message,
)
from inference.model.signature import Signature, TensorSpec
from support.amount import amount
from support.models.artifacts import message
from support.models.mutation import Mutator

INPUTS = amount("FUZZ_INPUTS", 2_000)
MANY = amount("HUGE_BYTES", 3_000_000)
TYPES: dict[str, tuple[str, str, list[Any]]] = {
    "BOOL": ("bool", "bool_contents", [True, False, True]),
    "INT8": ("int8", "int_contents", [-128, 0, 127]),
    "INT32": ("int32", "int_contents", [-(2**31), 5, 2**31 - 1]),
    "INT64": ("int64", "int64_contents", [-(2**63), 300, 2**63 - 1]),
    "UINT16": ("uint16", "uint_contents", [0, 300, 65535]),
    "UINT64": ("uint64", "uint64_contents", [0, 2**35, 2**64 - 1]),
    "FP32": ("float", "fp32_contents", [1.5, -2.5, float("nan")]),
    "FP64": ("double", "fp64_contents", [1e300, -0.0, float("inf")]),
    "BYTES": ("string", "bytes_contents", [b"", "\u00e9".encode(), b"abc"]),
}

pytestmark = pytest.mark.timeout(60 + INPUTS // 100)


def _signature(element: str, count: int = 1) -> Signature:
    specs = [TensorSpec.from_onnx(f"x{i}", f"tensor({element})", [-1]) for i in range(count)]
    return Signature(tuple(specs), tuple(specs))


def _request(datatype: str, values: list[Any], *, raw: bool = False) -> pb.ModelInferRequest:
    field = TYPES[datatype][1]
    tensor = pb.ModelInferRequest.InferInputTensor(name="x0", datatype=datatype)
    tensor.shape.append(len(values))
    request = pb.ModelInferRequest(model_name="m", id="7", inputs=[tensor])
    output = request.outputs.add(name="x0")
    if datatype != "BYTES":
        output.parameters["classification"].int64_param = 2
    if raw:
        request.raw_input_contents.append(np.array(values).tobytes())
    else:
        getattr(request.inputs[0].contents, field).extend(values)
    return request


def _both(element: str, data: bytes, count: int = 1) -> list[Any]:
    found: list[Any] = []
    for parse in (lambda d: Asked(parse_message(pb.ModelInferRequest, d), None), parse_long):
        try:
            found.append(read_message(_signature(element, count), parse(data), max_rows=10**9))
        except ClientError as error:
            found.append(error)
    return found


def _assert_same(short: Any, long: Any, data: bytes) -> None:
    if isinstance(short, ClientError) or isinstance(long, ClientError):
        assert isinstance(short, ClientError), (data, short, long)
        assert isinstance(long, ClientError), (data, short, long)
        return
    assert (short.id, short.outputs, short.rows) == (long.id, long.outputs, long.rows)
    for name, feed in short.feeds.items():
        assert feed.dtype == long.feeds[name].dtype
        np.testing.assert_array_equal(feed, long.feeds[name], err_msg=repr(data))


@pytest.mark.parametrize("datatype", TYPES)
@pytest.mark.parametrize("count", [1, 100, 30_000])
def test_values_are_the_same(datatype: str, count: int) -> None:
    element, _, values = TYPES[datatype]
    data = _request(datatype, (values * count)[:count]).SerializeToString()
    short, long = _both(element, data)
    assert not isinstance(short, ClientError), short
    _assert_same(short, long, data)


def test_raw_values_are_the_same() -> None:
    data = _request("INT64", [1, 2, 3], raw=True).SerializeToString()
    short, long = _both("int64", data)
    assert not isinstance(long, ClientError)
    _assert_same(short, long, data)


@pytest.mark.parametrize("datatype", TYPES)
def test_whatever_comes_is_read_alike_or_refused(datatype: str) -> None:
    element, _, values = TYPES[datatype]
    whole = _request(datatype, values)
    two = pb.ModelInferRequest.FromString(whole.SerializeToString())
    two.inputs.add().CopyFrom(two.inputs[0])
    two.inputs[1].name = "x1"
    number = pb.InferTensorContents.DESCRIPTOR.fields_by_name[TYPES[datatype][1]].number
    single = message((1, "x0"), (2, datatype), (3, 1), (5, message((number, 1))))
    parts = message((1, "x0"), (2, datatype), (3, 1), (5, b""), (5, message((number, b"\x01"))))
    corpus = [whole.SerializeToString(), two.SerializeToString(), b"\x0a\x01m"]
    corpus += [message((1, "m"), (5, one)) for one in (single, parts)]
    mutator = Mutator(corpus, [single, parts, b"\x2a\x00", b"\x80" * 9 + b"\x01"])
    for count in (1, 2):
        for _ in range(INPUTS // 18):
            data = mutator.make()
            short, long = _both(element, data, count)
            mutator.learn(data, type(short).__name__)
            _assert_same(short, long, data)


def _input(*fields: tuple[int, Any]) -> bytes:
    return message((5, message((1, "x0"), (2, "INT64"), (3, 4), *fields)))


COSTLY = {
    "inputs": b"\x2a\x00" * (MANY // 2),
    "outputs": b"\x32\x00" * (MANY // 2),
    "raw": b"\x3a\x00" * (MANY // 2),
    "parameters": b"\x22\x00" * (MANY // 2),
    "unknown": b"\x78\x01" * (MANY // 2),
    "name": message((1, "x" * MANY)),
    "id": message((1, "m"), (3, "x" * MANY)),
    "shape": message((5, message((1, "x0"), (2, "INT64"), (3, b"\x01" * MANY)))),
    "input parameters": message((5, message((1, "x0")) + b"\x22\x00" * (MANY // 2))),
    "empty strings": _input((5, b"\x42\x00" * (MANY // 2))),
    "single values": _input((5, b"\x18\x01" * (MANY // 2))),
    "too many values": _input((5, message((3, b"\x01" * MANY)))),
    "long varints": _input((5, message((3, b"\xff" * MANY)))),
    "groups": b"\x0b" * MANY,
    "zeros": bytes(MANY),
}


@pytest.mark.parametrize(
    "parse",
    [lambda data: Asked(parse_message(pb.ModelInferRequest, data), None), parse_long],
    ids=["short", "long"],
)
@pytest.mark.parametrize("raw", [True, False])
def test_an_array_without_values_that_is_too_large_is_refused(parse: Any, *, raw: bool) -> None:
    spec = TensorSpec.from_onnx("x0", "tensor(float)", [-1, -1, -1])
    request = _request("FP32", [], raw=raw)
    request.inputs[0].shape[:] = [0, 2**40, 2**40]
    asked = parse(request.SerializeToString())
    with pytest.raises(RequestError, match="1099511627776"):
        read_message(Signature((spec,), (spec,)), asked, max_rows=10)


@pytest.mark.parametrize("kind", COSTLY)
def test_a_message_that_only_costs_is_refused_at_little_cost(kind: str) -> None:
    """Protobuf's parser takes up to some hundred bytes of memory for each of these fields."""
    data = COSTLY[kind]

    def read() -> None:
        with pytest.raises(ClientError) as caught:
            read_message(_signature("int64"), parse_long(data), max_rows=10**9)
        assert len(str(caught.value)) < 1000

    begin = time.thread_time()
    read()
    assert time.thread_time() - begin < 2
    tracemalloc.start()
    try:
        read()
        assert tracemalloc.get_traced_memory()[1] < 10_000_000 + 2 * MANY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("count", "fits"), [(9_999, True), (10_000, True), (10_001, False)])
def test_so_many_single_values_are_read(count: int, fits: bool) -> None:
    tensor = message((1, "x0"), (2, "INT64"), (3, count), (5, b"\x18\x01" * count))
    data = message((5, tensor))
    if fits:
        query = read_message(_signature("int64"), parse_long(data), max_rows=10**9)
        assert query.feeds["x0"].sum() == count
    else:
        with pytest.raises(TooLargeError, match="pack its values"):
            read_message(_signature("int64"), parse_long(data), max_rows=10**9)


@pytest.mark.parametrize(("count", "fits"), [(9, True), (10, True), (11, False)])
def test_so_many_strings_are_read(count: int, fits: bool) -> None:
    asked = parse_long(_request("BYTES", [b"a"] * count).SerializeToString())
    if fits:
        assert read_message(_signature("string"), asked, max_rows=99, max_strings=10).rows == count
    else:
        with pytest.raises(TooLargeError, match="INFERENCE_MAX_STRINGS"):
            read_message(_signature("string"), asked, max_rows=99, max_strings=10)


def test_more_outputs_than_there_are_are_refused() -> None:
    request = _request("INT64", [1])
    request.outputs.add(name="x0")
    with pytest.raises(RequestError, match="2 outputs are asked for, the model has 1"):
        read_message(_signature("int64"), Asked(request, None), max_rows=9)


@pytest.mark.parametrize("value", [-129, 128, 2**31 - 1])
def test_values_beyond_their_type_are_refused_and_not_cut(value: int) -> None:
    for found in _both("int8", _request("INT8", [1, value]).SerializeToString()):
        assert isinstance(found, RequestError)
