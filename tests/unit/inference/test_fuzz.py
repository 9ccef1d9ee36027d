"""Whatever bytes come in, the decoders take them or refuse them by an error of the tree.

``FUZZ_INPUTS`` says how many inputs each decoder gets; ``make endure`` gives it 100,000.
"""

from __future__ import annotations

import contextlib
import json
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from inference.access.body_budget import Bodies
from inference.errors import ArtifactError, ClientError, ContractError
from inference.model.contract_codec import METADATA_KEY, decode_contract, encode_contract
from inference.model.features import check_against
from inference.model.graph.onnx_file import read_metadata
from inference.model.inputs import Columns
from inference.model.servable import Servable
from inference.model.signature import Signature
from inference.model.signing import (
    SIGNATURE_BYTES,
    FileSignature,
    append_signature,
    split_signature,
)
from inference.serving.rows.reader import RowReader
from inference.serving.tensors.request import read_request
from inference.web.message.compression import decompress
from support.fuzzing import INPUTS, fuzz
from support.models import artifacts, hostile_models
from support.models.row_bodies import MIXED, PENGUIN
from support.models.signatures import spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.contract import Contract

MAX_ROWS = 50

pytestmark = pytest.mark.timeout(60 + INPUTS // 100)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Any:
    """Show the figures whatever becomes of the output."""

    def show(figures: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{request.node.name}: {figures}")

    return show


# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "record"),
    [(artifacts.penguins(), PENGUIN), (artifacts.mixed(), MIXED)],
    ids=["matrix", "columns"],
)
def test_rows_become_arrays_of_the_right_type_or_are_refused(
    content: bytes, record: dict[str, Any], tell: Callable[[str], None]
) -> None:
    servable = Servable.load("m", 1, content)
    reader = RowReader(servable, max_rows=MAX_ROWS)
    dtypes = {spec.name: spec.dtype for spec in servable.signature.inputs}

    def decode(data: bytes) -> object:
        batch = reader.read(data)
        assert 1 <= batch.rows <= MAX_ROWS
        assert {name: feed.dtype for name, feed in batch.feeds.items()} == dtypes
        assert all(len(feed) == batch.rows for feed in batch.feeds.values())
        assert not any(np.isinf(f).any() for f in batch.feeds.values() if f.dtype.kind == "f")
        msgspec.json.encode(batch.warnings)
        return batch

    row = list(record.values())
    corpus = [record, [record, record], row, [row, row], [record, row]]
    tell(fuzz(decode, [json.dumps(item).encode() for item in corpus], ClientError))


# -- tensors ---------------------------------------------------------------------------------------


_SIGNATURE = Signature(
    inputs=(spec("x", "float", -1, 2), spec("s", "string", -1), spec("h", "float16", 1)),
    outputs=(spec("y", "float", -1, 2), spec("t", "string", -1)),
)
_INTEGER = Signature((spec("i", "int64", -1, 3),), (spec("o", "int64", -1, 3),))
_BOOL = Signature((spec("b", "bool"),), (spec("o", "bool"),))
_WORDS = Signature((spec("w", "string", -1),), (spec("o", "string", -1),))
_TENSOR_WORDS = [
    *(b'"FP32"', b'"INT64"', b'"BYTES"', b'"FP16"', b'"BOOL"', b'"UINT8"', b'"classification":1'),
    *(b'"binary_data_size":8', b'"binary_data_output":true', b'"shared_memory_region":"r"'),
    *(b'"shape":[0,1099511627776]', b'"shape":[2147483648,2147483648]', b'"shape":[-1]'),
]


def _strings(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def _ask(signature: Signature, data: bytes, json_bytes: int | None) -> object:
    query = read_request(signature, data, json_bytes, max_rows=MAX_ROWS)
    assert query.rows <= MAX_ROWS
    assert query.feeds.keys() == {known.name for known in signature.inputs}
    for known in signature.inputs:
        feed = query.feeds[known.name]
        assert feed.dtype == known.dtype
        if known.shape:
            fits = [d in (-1, n) for d, n in zip(known.shape, feed.shape, strict=True)]
            assert all(fits)
        assert feed.dtype.kind != "O" or all(isinstance(v, str) for v in feed.reshape(-1))
    assert query.outputs
    return query


def _inputs(*tensors: tuple[str, list[int], str, Any], **more: Any) -> bytes:
    described = [
        {"name": name, "shape": shape, "datatype": datatype}
        | ({"parameters": data} if isinstance(data, dict) else {"data": data})
        for name, shape, datatype, data in tensors
    ]
    return json.dumps({"inputs": described} | more).encode()


def test_tensors_in_json_become_arrays_or_are_refused(tell: Callable[[str], None]) -> None:
    wide = _inputs(("i", [2, 3], "INT64", [[1, 2, 3], [4, 5, 6]]), id="7")
    flat = _inputs(("i", [2, 3], "INT64", [1, 2, 3, 4, 5, 6]), outputs=[{"name": "o"}])
    many = _inputs(("i", [40, 3], "INT64", [10**12] * 120), outputs=[{"name": "o"}])
    corpus = [wide, flat, many]
    tell(fuzz(lambda data: _ask(_INTEGER, data, None), corpus, ClientError, _TENSOR_WORDS))


@pytest.mark.parametrize(
    ("signature", "values"),
    [(_BOOL, [True, False]), (_WORDS, ["a", "\u00e9", ""])],
    ids=["scalar", "strings"],
)
def test_tensors_of_other_types_become_arrays_or_are_refused(
    signature: Signature, values: list[Any], tell: Callable[[str], None]
) -> None:
    spec = signature.inputs[0]
    assert spec.datatype is not None
    corpus = [_inputs((spec.name, [len(values)], spec.datatype, values))]
    if not spec.shape:
        corpus.append(_inputs((spec.name, [], spec.datatype, values[0])))
    tell(fuzz(lambda data: _ask(signature, data, None), corpus, ClientError, _TENSOR_WORDS))


_BORDER = b"\n--\n"  # stands for the header that says where the JSON ends


def test_binary_tensors_become_arrays_or_are_refused(tell: Callable[[str], None]) -> None:
    x, s, h = np.arange(4, dtype="<f4").tobytes(), _strings(b"ab", b""), b"\x00\x3c"
    sizes = [{"binary_data_size": len(buffer)} for buffer in (x, s, h)]
    rest = ("s", [2], "BYTES", sizes[1]), ("h", [1], "FP16", sizes[2])
    outputs = [{"name": "y", "parameters": {"classification": 1}}]
    all_binary = _inputs(("x", [2, 2], "FP32", sizes[0]), *rest, outputs=outputs)
    some = _inputs(
        ("x", [2, 2], "FP32", [1, 2, 3, 4]), *rest, parameters={"binary_data_output": True}
    )

    def decode(data: bytes) -> object:
        text, border, tail = data.partition(_BORDER)
        return _ask(_SIGNATURE, text + tail, len(text) if border else len(data) // 2 + 1)

    corpus = [all_binary + _BORDER + x + s + h, some + _BORDER + s + h]
    tell(fuzz(decode, corpus, ClientError, [*_TENSOR_WORDS, _BORDER]))


@pytest.mark.parametrize(
    ("signature", "content"),
    [(_INTEGER, np.arange(6, dtype="<i8").tobytes()), (_BOOL, b"\x01"),
     (_WORDS, _strings(b"ab", b"", "\u00e9".encode()))],
    ids=["integers", "scalar", "strings"],
)  # fmt: skip
def test_raw_tensors_become_arrays_or_are_refused(
    signature: Signature, content: bytes, tell: Callable[[str], None]
) -> None:
    tell(fuzz(lambda data: _ask(signature, data, 0), [content], ClientError))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_bodies_are_inflated_within_the_limit_or_refused(
    coding: Any, tell: Callable[[str], None]
) -> None:
    frames = {"gzip": [31], "deflate": [15, -15]}[coding]
    corpus = []
    for content in (b'{"a": 1}', b"0" * 9_999):
        for frame in frames:
            deflater = zlib.compressobj(wbits=frame)
            corpus.append(deflater.compress(content) + deflater.flush())

    def decode(data: bytes) -> object:
        with Bodies(20_000).hold() as hold:
            inflated = decompress(data, coding, max_bytes=10_000, hold=hold)
        assert len(inflated) <= 10_000
        return inflated

    tell(fuzz(decode, corpus, ClientError))


# -- files -----------------------------------------------------------------------------------------


class _Described:
    """A servable as far as a reader of rows looks at it, with a contract that chance has made."""

    def __init__(self, contract: Contract, signature: Signature) -> None:
        check_against(contract, signature)
        self.contract = contract
        self.features = contract.features
        self.signature = signature
        self.columns = Columns(contract.features, signature)

    def read(self, rows: list[Any]) -> None:
        """Read what a caller would send; that may be refused."""
        reader = RowReader(self, max_rows=MAX_ROWS)  # type: ignore[arg-type]
        names = [feature.name for feature in self.features]
        for document in (rows, rows[0], [dict(zip(names, row, strict=True)) for row in rows]):
            with contextlib.suppress(ClientError):
                batch = reader.read(msgspec.json.encode(document))
                msgspec.json.encode(batch.warnings)


def _callers_rows(contract: Contract) -> list[Any]:
    likely = {"number": 1.5, "integer": 2, "boolean": True, "category": "x"}
    row = [f.categories[0] if f.categories else likely[f.kind] for f in contract.features]
    return [[f.example for f in contract.features], row, row[::-1]]


def test_contracts_are_consistent_or_refused(tell: Callable[[str], None]) -> None:
    """What is taken is written as it was read, and rows for it are read or refused."""
    contents = (artifacts.penguins(), artifacts.mixed(), artifacts.regressor(["a", "b"]))
    servables = [Servable.load("m", 1, content) for content in contents]
    signatures = [servable.signature for servable in servables[:2]]
    corpus = [encode_contract(s.contract).encode() for s in servables if s.contract]
    corpus.append(read_metadata(artifacts.booleans())[METADATA_KEY].encode())
    spoken_of = [0] * len(signatures)

    def decode(data: bytes) -> object:
        contract = decode_contract(data)
        assert decode_contract(encode_contract(contract)) == contract
        for index, signature in enumerate(signatures):
            with contextlib.suppress(ArtifactError):
                described = _Described(contract, signature)
                described.read(_callers_rows(contract))
                spoken_of[index] += 1
        return contract

    words = [b'"kind":"category"', b'"nullable":true', b'"categories":[1,"a"]', b'"classes":[1]']
    tell(fuzz(decode, corpus, ContractError, words))
    assert all(spoken_of), "no contract got as far as its rows"


def test_files_are_models_or_refused(tell: Callable[[str], None]) -> None:
    corpus = [
        artifacts.penguins(),
        artifacts.mixed(),
        hostile_models.endless(),
        artifacts.model(artifacts.graph([], [], [], [artifacts.tensor("t", [1.0])]), {"a": "b"}),
    ]

    def decode(data: bytes) -> object:
        metadata = read_metadata(data)
        msgspec.json.encode(metadata)
        return metadata

    words = [hostile_models.external_tensor("t"), b"\x7a", b"\x3a"]
    tell(fuzz(decode, corpus, ArtifactError, words))


def test_only_a_signature_at_the_end_of_a_file_is_read_as_one(tell: Callable[[str], None]) -> None:
    whole = append_signature(b"content", FileSignature("0" * 16, bytes(range(64))))

    def decode(data: bytes) -> object:
        content, seal = split_signature(data)
        if seal is None:
            assert content == data
        else:
            assert len(content) == len(data) - SIGNATURE_BYTES
            assert append_signature(content, seal) == data
        return seal

    tell(fuzz(decode, [whole, b"content"], ArtifactError))
