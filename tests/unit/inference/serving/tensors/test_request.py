from __future__ import annotations

import itertools
import json
import struct
from typing import Any

import pytest

from inference.errors import RequestError, TooLargeError
from inference.model.signature import Signature, TensorSpec
from inference.serving.tensors.list_slices import WHOLE_BYTES
from inference.serving.tensors.query import Query, RequestedOutput
from inference.serving.tensors.request import read_request
from support.models.signatures import spec

SIGNATURE = Signature(
    inputs=(spec("x", "float", -1, 2), spec("s", "string", -1)),
    outputs=(spec("y", "float", -1, 2), spec("h", "float16", -1), spec("t", "string", -1)),
)
PLAIN = Signature(inputs=(spec("x", "float", -1, 2),), outputs=(spec("y", "float", -1, 2),))


def ask(
    document: dict[str, Any], signature: Signature = PLAIN, *, tail: bytes | None = None
) -> Query:
    text = json.dumps(document).encode()
    if tail is None:
        return read_request(signature, text, None, max_rows=100)
    return read_request(signature, text + tail, len(text), max_rows=100)


def numbers(**changed: Any) -> dict[str, Any]:
    described = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} | changed
    return {key: value for key, value in described.items() if value is not None}


def buffered(size: int, **changed: Any) -> dict[str, Any]:
    return numbers(data=None, parameters={"binary_data_size": size}, **changed)


def strings(**changed: Any) -> dict[str, Any]:
    return numbers(name="s", shape=[1], datatype="BYTES", data=["a"]) | changed


class TestRequest:
    def test_reads_json_and_asks_for_every_output_as_json(self) -> None:
        query = ask({"id": "7", "inputs": [numbers()]})
        assert query.id == "7"
        assert query.feeds["x"].tolist() == [[1, 2]]
        assert query.outputs == [RequestedOutput("y", binary=False, classes=0)]

    @pytest.mark.parametrize("half", ["\ud83d", chr(0xDE00), "\ud83d\ud83d", "\ud83dA"])
    @pytest.mark.parametrize(
        ("place", "before"),
        [
            *itertools.product(["id", "name", "data"], ["", "\\", "\U0001f600"]),
            ("data", "a" * WHOLE_BYTES),
        ],
    )
    def test_names_half_of_a_surrogate_pair(self, half: str, place: str, before: str) -> None:
        text = before + half
        given = {"data": strings(data=[text])}.get(place) or strings()
        document: dict[str, Any] = {
            "inputs": [given | {"name": text} if place == "name" else given]
        }
        signature = Signature(SIGNATURE.inputs[1:], SIGNATURE.outputs)
        with pytest.raises(RequestError) as refused:
            ask(document | ({"id": text} if place == "id" else {}), signature)
        assert f"half of a surrogate pair, \\u{ord(half[0]):04x}," in str(refused.value)

    def test_reads_buffers_in_the_order_of_the_inputs(self) -> None:
        inputs = [buffered(9, name="s", shape=[2], datatype="BYTES"), buffered(8)]
        document = {"inputs": inputs, "outputs": [{"name": "y"}]}
        tail = b"\1\0\0\0a\0\0\0\0" + struct.pack("<2f", 1, 2)
        query = ask(document, SIGNATURE, tail=tail)
        assert query.feeds["s"].tolist() == ["a", ""]
        assert query.feeds["x"].tolist() == [[1, 2]]

    def test_reads_buffers_beside_json(self) -> None:
        document = {"inputs": [strings(), buffered(8)], "outputs": [{"name": "t"}]}
        query = ask(document, SIGNATURE, tail=struct.pack("<2f", 1, 2))
        assert query.feeds["s"].tolist() == ["a"]
        assert query.feeds["x"].tolist() == [[1, 2]]

    def test_an_output_overrides_the_form_of_all(self) -> None:
        document = {
            "inputs": [numbers(), strings()],
            "parameters": {"binary_data_output": True},
            "outputs": [{"name": "t", "parameters": {"binary_data": False}}, {"name": "h"}],
        }
        outputs = ask(document, SIGNATURE).outputs
        assert outputs == [RequestedOutput("t", binary=False), RequestedOutput("h", binary=True)]

    def test_counts_rows_where_every_input_has_them(self) -> None:
        assert ask({"inputs": [numbers(shape=[3, 2], data=[0] * 6)]}).rows == 3
        pair = [numbers(shape=[2, 2], data=[0] * 4), strings()]
        assert ask({"inputs": pair, "outputs": [{"name": "y"}]}, SIGNATURE).rows == 1

    def test_raw_is_the_buffer_of_the_only_input(self) -> None:
        query = read_request(PLAIN, struct.pack("<4f", 1, 2, 3, 4), 0, max_rows=9)
        assert query.feeds["x"].tolist() == [[1, 2], [3, 4]]
        assert query.outputs == [RequestedOutput("y", binary=True)]

    def test_raw_strings_have_their_lengths_before_them(self) -> None:
        only = Signature((spec("s", "string", -1),), (spec("t", "string", -1),))
        query = read_request(only, b"\1\0\0\0a\0\0\0\0", 0, max_rows=9)
        assert query.feeds["s"].tolist() == ["a", ""]

    @pytest.mark.parametrize(
        ("signature", "body"),
        [
            (SIGNATURE, b"\0" * 8),
            (PLAIN, b"\0" * 7),
            (PLAIN, b"\0" * 12),
            (Signature((spec("x", "float", -1, -1),), PLAIN.outputs), b"\0" * 8),
            (Signature((spec("x", "complex64", -1),), PLAIN.outputs), b"\0" * 8),
            (Signature((spec("s", "string", -1),), PLAIN.outputs), b"\1\0\0"),
            (Signature((spec("x", "float", 0, -1),), PLAIN.outputs), b"\0" * 8),
        ],
    )
    def test_refuses_what_is_not_that_buffer(self, signature: Signature, body: bytes) -> None:
        with pytest.raises(RequestError):
            read_request(signature, body, 0, max_rows=9)

    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({}, "required field `inputs`"),
            ({"inputs": []}, "input 'x' is missing"),
            ({"inputs": {}}, "Expected `array`"),
            ({"inputs": [numbers(name="z")]}, "no input 'z'"),
            ({"inputs": [numbers(), numbers()]}, "given twice"),
            ({"inputs": [numbers(datatype="FP64")]}, "has the datatype FP32, got 'FP64'"),
            ({"inputs": [numbers(datatype=None)]}, "datatype"),
            ({"inputs": [numbers(shape=[1, 3])]}, "shape"),
            ({"inputs": [numbers(shape=[2])]}, "shape"),
            ({"inputs": [numbers(shape=[-1, 2])]}, "cannot have the shape"),
            ({"inputs": [numbers(shape=[2**60, 2])]}, "cannot have the shape"),
            ({"inputs": [numbers(shape=[1.5, 2])]}, "Expected `int`"),
            ({"inputs": [numbers(shape=["1", 2])]}, "Expected `int`"),
            ({"inputs": [numbers(data=None)]}, "has no data"),
            ({"inputs": [numbers(data=[1])]}, "1 values"),
            ({"inputs": [numbers(parameters={"binary_data_size": 8})]}, "both"),
            ({"inputs": [buffered(8)]}, "0 bytes left"),
            ({"inputs": [buffered(-8)]}, "whole number"),
            ({"inputs": [numbers(data=None, parameters={"binary_data_size": "8"})]}, "whole"),
            ({"inputs": [numbers(parameters={"shared_memory_region": "r"})]}, "shared memory"),
            ({"inputs": [numbers()], "outputs": [{"name": "z"}]}, "no output 'z'"),
            ({"inputs": [numbers()], "outputs": [{"name": "y"}, {"name": "y"}]}, "twice"),
            ({"inputs": [numbers()], "outputs": [{}]}, "name"),
            ({"inputs": [numbers()], "parameters": {"binary_data_output": 1}}, "true or false"),
            (
                {
                    "inputs": [numbers()],
                    "outputs": [{"name": "y", "parameters": {"classification": 0}}],
                },
                "at least 1",
            ),
            ({"inputs": [numbers()], "id": 7}, "Expected `str"),
        ],
    )
    def test_refuses_what_the_protocol_or_the_model_does_not_take(
        self, document: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(RequestError, match=said):
            ask(document)

    @pytest.mark.parametrize("output", ["h", "t"])
    def test_refuses_forms_that_an_output_does_not_have(self, output: str) -> None:
        parameters = {"classification": 1} if output == "t" else {"binary_data": False}
        outputs = [{"name": output, "parameters": parameters}]
        with pytest.raises(RequestError, match=f"'{output}'"):
            ask({"inputs": [numbers(), strings()], "outputs": outputs}, SIGNATURE)

    def test_refuses_half_precision_as_json(self) -> None:
        half = Signature((spec("x", "float16", -1, 2),), PLAIN.outputs)
        with pytest.raises(RequestError, match="FP16 has no JSON form"):
            ask({"inputs": [numbers(datatype="FP16")]}, half)

    def test_refuses_what_is_no_tensor(self) -> None:
        maps = TensorSpec.from_onnx("m", "seq(map(string,tensor(float)))", None)
        both = Signature(PLAIN.inputs, (*PLAIN.outputs, maps))
        assert ask({"inputs": [numbers()]}, both).names == ["y"]
        with pytest.raises(RequestError, match="no datatype"):
            ask({"inputs": [numbers()], "outputs": [{"name": "m"}]}, both)
        with pytest.raises(RequestError, match="no output"):
            ask({"inputs": [numbers()]}, Signature(PLAIN.inputs, (maps,)))

    @pytest.mark.parametrize(("size", "tail"), [(8, 7), (8, 9), (7, 8), (9, 9)])
    def test_refuses_bytes_that_are_missing_or_left_over(self, size: int, tail: int) -> None:
        with pytest.raises(RequestError):
            ask({"inputs": [buffered(size)]}, tail=b"\0" * tail)

    def test_refuses_a_json_length_beyond_the_body(self) -> None:
        with pytest.raises(RequestError, match="the body has 2 bytes"):
            read_request(PLAIN, b"{}", 3, max_rows=9)

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000])
    def test_refuses_what_is_no_request(self, body: bytes) -> None:
        with pytest.raises(RequestError):
            read_request(PLAIN, body, None, max_rows=9)

    def test_refuses_too_many_rows(self) -> None:
        with pytest.raises(TooLargeError, match="101 rows"):
            ask({"inputs": [numbers(shape=[101, 2], data=[0] * 202)]})
