from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from inference.errors import RequestError, TooLargeError
from inference.model.signature import Signature, TensorSpec
from inference.serving.tensors.binary import from_binary, to_binary
from inference.serving.tensors.classification import rank_classes
from inference.serving.tensors.list_slices import Span
from inference.serving.tensors.query import Query, RequestedOutput
from inference.serving.tensors.request import read_request
from inference.serving.tensors.values import from_values, to_values

NUMBERS = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"]
DTYPES = [np.dtype(code) for code in (*NUMBERS, "f2")]


def spec(name: str, element: str, *shape: int) -> TensorSpec:
    return TensorSpec.from_onnx(name, f"tensor({element})", list(shape))


def extremes(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if dtype.kind == "b":
        return np.array([[True, False], [False, True]])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array([[limits.min, limits.max], [0, 1]], dtype=dtype)
    floats = np.finfo(dtype)
    return np.array([[floats.min, floats.max], [floats.tiny, -0.0]], dtype=dtype)


STRINGS = np.array([["", "a\x00b"], ["é", "日本"]], dtype=object)
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


class TestBinary:
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_gives_back_the_very_bytes(self, dtype: np.dtype[Any]) -> None:
        array = extremes(dtype)
        again = from_binary(bytes(to_binary(array)), dtype, array.shape)
        assert again.dtype == dtype
        assert again.tobytes() == array.tobytes()

    def test_keeps_nan_and_infinity(self) -> None:
        array = np.array([np.nan, np.inf, -np.inf], dtype=np.float32)
        assert from_binary(array.tobytes(), array.dtype, [3]).tobytes() == array.tobytes()

    def test_gives_strings_back(self) -> None:
        buffer = to_binary(STRINGS)
        assert from_binary(buffer, STRINGS.dtype, [2, 2]).tolist() == STRINGS.tolist()

    def test_views_what_is_aligned(self) -> None:
        body = bytearray(b"head" + struct.pack("<3f", 1, 2, 3))
        array = from_binary(memoryview(body)[4:], np.dtype("f4"), [3])
        assert np.shares_memory(array, np.frombuffer(body, dtype=np.uint8))

    def test_copies_what_is_not_aligned(self) -> None:
        body = b"odd" + struct.pack("<3f", 1, 2, 3)
        array = from_binary(memoryview(body)[3:], np.dtype("f4"), [3])
        assert array.flags.aligned
        assert array.tolist() == [1, 2, 3]

    def test_makes_any_byte_but_zero_true(self) -> None:
        assert from_binary(b"\x00\x01\x02\xff", np.dtype(bool), [4]).tobytes() == b"\0\1\1\1"

    def test_writes_an_array_that_lies_in_pieces_row_by_row(self) -> None:
        array = np.arange(6, dtype=np.int32).reshape(2, 3).T
        assert bytes(to_binary(array)) == np.ascontiguousarray(array).tobytes()

    @pytest.mark.parametrize("shape", [[0], [0, 4], []])
    def test_takes_shapes_without_elements_and_scalars(self, shape: list[int]) -> None:
        array = np.zeros(shape, dtype=np.float32)
        assert from_binary(bytes(to_binary(array)), array.dtype, shape).shape == tuple(shape)

    @pytest.mark.parametrize(
        ("buffer", "dtype", "shape", "said"),
        [
            (b"\0" * 7, "f4", [2], "7 bytes of binary data, the shape .2. takes 8"),
            (b"\0" * 9, "f4", [2], "9 bytes"),
            (b"\1\0", "O", [1], "beyond the end"),
            (b"\2\0\0\0a", "O", [1], "beyond the end"),
            (b"\xff\xff\xff\xffa", "O", [1], "beyond the end"),
            (b"\1\0\0\0\xff", "O", [1], "not UTF-8"),
            (b"\1\0\0\0a", "O", [2], "1 elements, its shape takes 2"),
            (b"", "f4", [0, 2**40, 2**40], "no array of shape"),
        ],
    )
    def test_refuses_what_does_not_fit(
        self, buffer: bytes, dtype: str, shape: list[int], said: str
    ) -> None:
        with pytest.raises(RequestError, match=said):
            from_binary(buffer, np.dtype(dtype), shape)


class TestValues:
    @pytest.mark.parametrize("code", NUMBERS)
    @pytest.mark.parametrize("nested", [True, False])
    def test_reads_what_json_spells(self, code: str, nested: bool) -> None:
        array = extremes(np.dtype(code))
        listed = array.tolist() if nested else array.reshape(-1).tolist()
        again = from_values(Span.whole(json.dumps(listed).encode()), array.dtype, [2, 2])
        assert again.tobytes() == array.tobytes()

    @pytest.mark.parametrize("code", NUMBERS)
    def test_writes_what_it_reads(self, code: str) -> None:
        array = extremes(np.dtype(code))
        assert (
            from_values(Span.whole(to_values(array)), array.dtype, [2, 2]).tobytes()
            == array.tobytes()
        )

    def test_reads_strings(self) -> None:
        text = json.dumps(STRINGS.tolist()).encode()
        assert from_values(Span.whole(text), STRINGS.dtype, [2, 2]).tolist() == STRINGS.tolist()

    def test_spells_nan_and_infinity_as_null(self) -> None:
        assert to_values(np.array([1, np.nan, np.inf, -np.inf])) == b"[1.0,null,null,null]"

    @pytest.mark.parametrize("shape", [[40_000], [20_000, 2], [10_000, 2, 2]])
    @pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", ": ")])
    def test_reads_and_writes_long_lists_in_pieces(
        self, shape: list[int], separators: tuple[str, str]
    ) -> None:
        array = np.random.default_rng(0).normal(size=shape)
        for listed in (array.tolist(), array.reshape(-1).tolist()):
            text = json.dumps(listed, separators=separators).encode()
            assert (from_values(Span.whole(text), array.dtype, shape) == array).all()
        assert json.loads(to_values(array)) == array.reshape(-1).tolist()

    @pytest.mark.parametrize("wrong", ["[{},]", "[,{}]", "[{}", "{}]", "[{},,1]", "[{}],[1]"])
    def test_refuses_long_lists_that_are_no_json(self, wrong: str) -> None:
        text = wrong.format(",".join(["1"] * 40_000)).encode()
        with pytest.raises(RequestError):
            from_values(Span.whole(text), np.dtype("f8"), [40_000])

    def test_takes_a_value_for_a_scalar(self) -> None:
        assert from_values(Span.whole(b"3"), np.dtype("i8"), []).item() == 3
        assert from_values(Span.whole(b"[3]"), np.dtype("i8"), []).item() == 3

    @pytest.mark.parametrize(
        ("text", "code", "shape"),
        [
            (b"[300]", "u1", [1]),
            (b"[-1]", "u8", [1]),
            (b"[1.5]", "i4", [1]),
            (b"[9223372036854775808]", "i8", [1]),
            (b"[1e39]", "f4", [1]),
            (b"[1e999]", "f8", [1]),
            (b"[null]", "f8", [1]),
            (b"[NaN]", "f8", [1]),
            (b"[true]", "f8", [1]),
            (b"[1]", "?", [1]),
            (b'["1"]', "f4", [1]),
            (b"[1]", "O", [1]),
            (b"[1,2,3]", "f4", [2, 2]),
            (b"[[1,2],[3]]", "f4", [2, 2]),
            (b"[[1,2,3,4]]", "f4", [2, 2]),
            (b"[[[1]]]", "f4", [1, 1]),
            (b'[["a"],["b","c"]]', "O", [2, 2]),
            (b"{}", "f4", [1]),
            (b"7", "f4", [1]),
            (b"[" * 100_000, "f4", [1]),
        ],
    )
    def test_refuses_what_does_not_fit(self, text: bytes, code: str, shape: list[int]) -> None:
        with pytest.raises(RequestError):
            from_values(Span.whole(text), np.dtype(code), shape)


class TestClassification:
    def test_ranks_best_first_with_labels(self) -> None:
        array = np.array([[0.25, 0.5, 0.125], [1, 0, 2]], dtype=np.float32)
        assert rank_classes(array, 2, ["a", "b", "c"]).tolist() == [
            ["0.5:1:b", "0.25:0:a"],
            ["2.0:2:c", "1.0:0:a"],
        ]

    def test_gives_all_where_there_are_fewer(self) -> None:
        assert rank_classes(np.array([[3, 4]]), 9).tolist() == [["4:1", "3:0"]]

    def test_keeps_the_order_of_equal_values_and_puts_nan_last(self) -> None:
        array = np.array([[np.nan, 1, 1, 2]])
        assert rank_classes(array, 4).tolist() == [["2.0:3", "1.0:1", "1.0:2", "nan:0"]]

    def test_takes_each_value_of_a_vector_for_a_row(self) -> None:
        assert rank_classes(np.array([7, 8]), 3).tolist() == [["7:0"], ["8:0"]]

    @pytest.mark.parametrize("shape", [(), (0, 3), (2, 2, 2)])
    def test_takes_any_rank(self, shape: tuple[int, ...]) -> None:
        ranked = rank_classes(np.zeros(shape), 2)
        assert ranked.shape == (shape[0] if shape else 1, 1 if shape in {(), (0, 3)} else 2)


class TestRequest:
    def test_reads_json_and_asks_for_every_output_as_json(self) -> None:
        query = ask({"id": "7", "inputs": [numbers()]})
        assert query.id == "7"
        assert query.feeds["x"].tolist() == [[1, 2]]
        assert query.outputs == [RequestedOutput("y", binary=False, classes=0)]

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
