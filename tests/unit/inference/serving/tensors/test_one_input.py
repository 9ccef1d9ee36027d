"""The usual inference request is answered in less time, and not otherwise than any other."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import ClientError
from inference.model.servable import Servable
from inference.serving.inferrer import count_labels
from inference.serving.tensors.one_input import OneInputFastPath
from inference.serving.tensors.request import read_request
from inference.serving.tensors.response import pick_results, write_response
from inference.telemetry.timing import Timing
from support.amount import amount
from support.answers.kinds import ROW, kinds
from support.models import artifacts
from support.models.mutation import Mutator
from support.models.oip_models import identity, sample, several

if TYPE_CHECKING:
    from inference.serving.tensors.query import Query

INPUTS = amount("FUZZ_INPUTS", 10_000)
MAX_ROWS = 50
WITH_JSON = ("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64",
             "FP32", "FP64")  # fmt: skip


def _request(
    shape: Any, data: Any, *, name: str = "X", datatype: str = "FP32", **more: Any
) -> bytes:
    tensor = {"name": name, "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor], **more}).encode()


def _ordinary(servable: Servable, body: bytes) -> Query:
    return read_request(servable.signature, body, None, max_rows=MAX_ROWS)


@functools.cache
def _fast_path(servable: Servable) -> OneInputFastPath:
    return OneInputFastPath(servable, MAX_ROWS)


def _check(servable: Servable, body: bytes) -> bool:
    """Compare both ways for one body; tell whether it was fast_path."""
    fast_path = _fast_path(servable)
    request = fast_path.decode(body)
    query = fast_path.query(request) if request is not None else None
    if query is None:
        assert request is None or fast_path.answer_row(request, Timing()) is None
        return False
    ordinary = _ordinary(servable, body)  # raises where it is refused
    assert (query.id, query.outputs, query.rows) == (ordinary.id, ordinary.outputs, ordinary.rows)
    assert query.feeds.keys() == ordinary.feeds.keys()
    for name, array in query.feeds.items():
        other = ordinary.feeds[name]
        assert (array.dtype, array.shape) == (other.dtype, other.shape)
        assert array.tobytes() == other.tobytes()
    values = servable.run(query.names, query.feeds)
    written = write_response(servable, ordinary, pick_results(servable, ordinary, values))
    assert fast_path.write(query.id, values) == written.body
    assert written.json_bytes is None
    _check_row(servable, fast_path, body, query, written.body)
    return True


def _check_row(
    servable: Servable, fast_path: OneInputFastPath, body: bytes, query: Query, written: bytes
) -> None:
    """Compare the answer to one row, which has a run of its own."""
    timing = Timing()
    answer = fast_path.answer_row(fast_path.decode(body), timing)
    is_bound = servable.bind_row(query.names) is not None
    assert (answer is not None) == (is_bound and query.rows == 1)
    if answer is not None:
        assert answer == written
        values = servable.run(query.names, query.feeds)
        assert timing.labels == count_labels(servable, query, values)
        assert timing.started <= timing.parsed <= timing.began <= timing.ended <= timing.done


def _is_left(servable: Servable, body: bytes) -> bool:
    """Whether the general path must read a body."""
    fast_path = _fast_path(servable)
    request = fast_path.decode(body)
    return request is None or (
        fast_path.query(request) is None and fast_path.answer_row(request, Timing()) is None
    )


@pytest.fixture(scope="module")
def penguins() -> Servable:
    return Servable.load("m", 1, artifacts.penguins())


@pytest.mark.parametrize(
    "body",
    [
        _request([1, 4], [39.1, 18.7, 181.0, 3750.0]),
        _request([1, 4], [39, 18, 181, 3750], id="a/b\"c'é"),
        _request([1, 4], [[39.1, 18.7, 181.0, 3750.0]]),
        _request([2, 4], [[1, 2, 3, 4], [-1e-45, 1e-300, 3.4028234663852886e38, -0.0]]),
        _request([MAX_ROWS, 4], list(range(4 * MAX_ROWS)), id=""),
        b'{"inputs" : [ {"data":[1,2,3,4],"datatype":"FP32","shape":[1,4],"name":"X"}],"id":null} ',
    ],
    ids=range(6),
)
def test_usual_request_is_answered_alike(penguins: Servable, body: bytes) -> None:
    assert _check(penguins, body)


@pytest.mark.parametrize("kind", kinds())
def test_one_row_of_each_kind_of_model_is_answered_and_counted_alike(kind: str) -> None:
    servable = Servable.load("m", 1, kinds()[kind])
    assert _fast_path(servable)._one_row is not None
    assert _check(servable, _request([1, 4], ROW))


@pytest.mark.parametrize(
    "body",
    [
        _request([1, 4], [1, 2, 3]),
        _request([1, 4], [1, 2, 3, 4, 5]),
        _request([1, 4], [[1, 2, 3, 4, 5]]),
        _request([2, 4], [[1, 2, 3, 4], [1, 2, 3]]),
        _request([2, 4], [[1, 2, 3, 4]]),
        _request([1, 4], [[[1, 2, 3, 4]]]),
        _request([0, 4], []),
        _request([-1, 4], [1, 2, 3, 4]),
        _request([4], [1, 2, 3, 4]),
        _request([1, 4, 1], [1, 2, 3, 4]),
        _request([4, 1], [1, 2, 3, 4]),
        _request([], [1, 2, 3, 4]),
        _request([MAX_ROWS + 1, 4], list(range(4 * MAX_ROWS + 4))),
        _request([1, 4], [1, 2, 3, None]),
        _request([1, 4], [1, 2, 3, "4"]),
        _request([1, 4], [1, 2, 3, True]),
        _request([1, 4], [1, 2, 3, 3.5e38]),
        _request([1, 4], [1, 2, 3, -3.5e38]),
        _request([1, 4], [1, 2, 3, 10**400]).replace(b"1" + b"0" * 400, b"1e999"),
        _request([1, 4], [1, 2, 3, 4], name="Y"),
        _request([1, 4], [1, 2, 3, 4], datatype="FP64"),
        _request([1, 4], [1, 2, 3, 4], outputs=[{"name": "label"}]),
        _request([1, 4], [1, 2, 3, 4], parameters={"binary_data_output": True}),
        _request([1, 4], [1, 2, 3, 4], id=3),
        b"{}",
        b"",
        b"\xff",
        b"[" * 100_000,
    ],
    ids=range(28),
)
def test_other_requests_are_left_to_the_ordinary_way(penguins: Servable, body: bytes) -> None:
    assert _is_left(penguins, body)


@pytest.mark.parametrize("datatype", WITH_JSON)
def test_every_datatype_is_answered_alike_to_its_limits(datatype: str) -> None:
    servable = Servable.load("m", 1, identity(datatype))
    (spec,) = servable.signature.inputs
    array = sample(datatype)
    shape = list(array.shape)
    name = spec.name
    flat = array.reshape(-1).tolist()
    body = _request(shape, flat, name=name, datatype=datatype)
    is_usual = _check(servable, body)
    assert is_usual == (datatype != "UINT64" or max(flat) < 2**63)
    assert spec.dtype is not None
    if spec.dtype.kind in "iu":
        limits = np.iinfo(spec.dtype)
        for value in (limits.min - 1, limits.min, limits.max, limits.max + 1, 0.5):
            data = [value, *flat[1:]]
            body = _request(shape, data, name=name, datatype=datatype)
            fits = limits.min <= value <= limits.max and value != 0.5
            if not fits:
                with pytest.raises(ClientError):
                    _ordinary(servable, body)
            assert _check(servable, body) == (fits and max(data) < 2**63)


@pytest.mark.parametrize("datatype", ["FP16", "BYTES"])
def test_datatypes_without_numbers_in_json_are_left_to_the_ordinary_way(datatype: str) -> None:
    with pytest.raises(ValueError, match="JSON form"):
        OneInputFastPath(Servable.load("m", 1, identity(datatype)), MAX_ROWS)


def test_requests_of_more_dimensions_are_answered_alike() -> None:
    servable = Servable.load("m", 1, artifacts.images())
    values = np.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    shape = list(values.shape)
    for data in (values.tolist(), values.reshape(-1).tolist()):
        assert _check(servable, _request(shape, data, name="image"))
    assert _is_left(servable, _request(shape, values.reshape(2, -1).tolist(), name="image"))
    assert _is_left(servable, _request([2, 8, 8, 3], values.tolist(), name="image"))


@pytest.mark.parametrize("content", [several(), artifacts.mixed()])
def test_other_models_are_left_to_the_ordinary_way(content: bytes) -> None:
    with pytest.raises(ValueError, match="input"):
        OneInputFastPath(Servable.load("m", 1, content), MAX_ROWS)


def test_whatever_is_usual_is_answered_alike(penguins: Servable) -> None:
    corpus = [
        _request([1, 4], [39.1, 18.7, 181.0, 3750.0]),
        _request([2, 4], [[1, 2, 3, 4], [5, 6, 7, 8]], id="x"),
        _request([2, 4], [1, 2, 3, 4, 5, 6, 7, 8.5]),
    ]
    words = [b"[[", b"]]", b"[", b"]", b",", b"null", b"1e400", b"NaN", b'"data"', b'"id"',
             b"\\u0058", b'"parameters":{}',
             b"true", b"-0", b"1.5", b" ", b'"X"', b'"shape"']  # fmt: skip
    mutator = Mutator(corpus, words)
    answered = 0
    for _ in range(INPUTS):
        data = mutator.make()
        found = _check(penguins, data)
        answered += found
        mutator.learn(data, str(found))
    assert answered > INPUTS // 100
