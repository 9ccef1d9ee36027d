"""Triton's own HTTP client, unmodified, does everything it offers for these routes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from support.models.oip_models import ELEMENTS, sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.service.process import Service

ROWS = np.array([[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]], dtype=np.float32)


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as connected:
        yield connected


def given(name: str, datatype: str, array: Any, *, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def run(service: Service, place: str, outputs: Sequence[str] | None, **feeds: Any) -> Any:
    session = ort.InferenceSession(service.models / place, providers=["CPUExecutionProvider"])
    return session.run(outputs, feeds)


def test_asks_for_health(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("penguins")
    assert client.is_model_ready("penguins", "1")
    assert not client.is_model_ready("penguins", "9")
    assert not client.is_model_ready("bad")


def test_asks_for_metadata_and_configuration(client: triton.InferenceServerClient) -> None:
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("penguins")
    assert metadata["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]
    assert client.get_model_metadata("penguins", "1")["versions"] == ["1"]
    assert client.get_model_config("penguins")["input"][0]["data_type"] == "TYPE_FP32"


def test_asks_for_statistics(client: triton.InferenceServerClient) -> None:
    client.infer("penguins", [given("X", "FP32", ROWS)])
    [statistics] = client.get_inference_statistics("penguins", "2")["model_stats"]
    assert statistics["inference_stats"]["success"]["count"] >= 1
    assert len(client.get_inference_statistics()["model_stats"]) > 10


def test_indexes_loads_and_unloads(client: triton.InferenceServerClient) -> None:
    index = client.get_model_repository_index()
    assert {"name": "several", "version": "1", "state": "READY", "reason": ""} in index
    client.unload_model("several")
    assert not client.is_model_ready("several")
    client.load_model("several")
    assert client.is_model_ready("several")


@pytest.mark.parametrize("datatype", ELEMENTS)
def test_binary_results_are_those_of_onnxruntime(
    client: triton.InferenceServerClient, datatype: str
) -> None:
    array = sample(datatype, rows=3)
    result = client.infer(f"id-{datatype.lower()}", [given("x", datatype, array)])
    received = result.as_numpy("y")
    if datatype == "BYTES":
        assert [[cell.decode() for cell in row] for row in received] == array.tolist()
    else:
        assert received.dtype == array.dtype
        assert received.tobytes() == array.tobytes()


@pytest.mark.parametrize("datatype", [d for d in ELEMENTS if d != "FP16"])
def test_json_results_are_equal(client: triton.InferenceServerClient, datatype: str) -> None:
    array = sample(datatype)
    outputs = [triton.InferRequestedOutput("y", binary_data=False)]
    tensors = [given("x", datatype, array, binary=False)]
    received = client.infer(f"id-{datatype.lower()}", tensors, outputs=outputs).as_numpy("y")
    assert received.tolist() == array.tolist()


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_classifier_answers_bit_for_bit(
    filled: Service, client: triton.InferenceServerClient, version: str
) -> None:
    rows = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32) * ROWS[0]
    labels, table = run(filled, f"penguins/{version}/model.onnx", None, X=rows)
    result = client.infer("penguins", [given("X", "FP32", rows)], model_version=version)
    assert result.as_numpy("probabilities").tobytes() == table.tobytes()
    assert [label.decode() for label in result.as_numpy("label")] == labels.tolist()
    assert result.get_response()["model_version"] == version


@pytest.mark.parametrize("binary", [True, False])
def test_takes_several_inputs(client: triton.InferenceServerClient, *, binary: bool) -> None:
    cube = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    words = np.array(["a", "", "日本"], dtype=object)
    tensors = [
        given("scalar", "INT64", np.array(7), binary=False),
        given("words", "BYTES", words, binary=binary),
        given("cube", "FP32", cube, binary=binary),
    ]
    result = client.infer("several", tensors, request_id="own id", priority=1, timeout=10_000_000)
    assert result.as_numpy("cube_out").tobytes() == cube.tobytes()
    assert [word.decode() for word in result.as_numpy("words_out")] == words.tolist()
    assert result.as_numpy("scalar_out") == 7
    assert result.get_response()["id"] == "own id"


@pytest.mark.parametrize("given_by", ["gzip", "deflate", None])
@pytest.mark.parametrize("taken_by", ["gzip", "deflate", None])
def test_compresses_both_ways(
    client: triton.InferenceServerClient, given_by: str | None, taken_by: str | None
) -> None:
    rows = np.tile(ROWS, (500, 1))
    result = client.infer(
        "penguins",
        [given("X", "FP32", rows)],
        request_compression_algorithm=given_by,
        response_compression_algorithm=taken_by,
    )
    plain = client.infer("penguins", [given("X", "FP32", rows)])
    for name in ("label", "probabilities"):
        assert result.as_numpy(name).tolist() == plain.as_numpy(name).tolist()


@pytest.mark.parametrize("binary", [True, False])
def test_asks_for_classes(client: triton.InferenceServerClient, *, binary: bool) -> None:
    outputs = [triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=3)]
    result = client.infer("penguins", [given("X", "FP32", ROWS)], outputs=outputs)
    ranked = result.as_numpy("probabilities")
    assert ranked.shape == (2, 3)
    best = ranked[0, 0].decode() if isinstance(ranked[0, 0], bytes) else ranked[0, 0]
    assert best.split(":")[2] in {"Adelie", "Chinstrap", "Gentoo"}


def test_infers_asynchronously(client: triton.InferenceServerClient) -> None:
    tensors = [given("X", "FP32", ROWS)]
    pending = [client.async_infer("penguins", tensors) for _ in range(8)]
    expected = client.infer("penguins", tensors).as_numpy("probabilities").tobytes()
    assert {p.get_result().as_numpy("probabilities").tobytes() for p in pending} == {expected}


def test_its_asyncio_client_does_the_same(address: str) -> None:
    async def ask() -> None:
        async with triton_aio.InferenceServerClient(address) as client:
            assert await client.is_server_live()
            assert await client.is_model_ready("penguins")
            assert (await client.get_model_metadata("penguins"))["name"] == "penguins"
            assert (await client.get_model_config("penguins"))["name"] == "penguins"
            assert await client.get_model_repository_index()
            await client.unload_model("id-fp64")
            assert not await client.is_model_ready("id-fp64")
            await client.load_model("id-fp64")
            assert (await client.get_inference_statistics("penguins"))["model_stats"]
            tensors = [given("X", "FP32", ROWS)]
            results = await asyncio.gather(*(client.infer("penguins", tensors) for _ in range(8)))
            assert len({r.as_numpy("probabilities").tobytes() for r in results}) == 1

    asyncio.run(ask())


def test_reports_errors_in_our_words(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="there is no model 'penguin'"):
        client.infer("penguin", [given("X", "FP32", ROWS)])
    with pytest.raises(InferenceServerException, match="has the datatype FP32"):
        client.infer("penguins", [given("X", "FP64", ROWS.astype(np.float64))])
    with pytest.raises(InferenceServerException, match="cannot be loaded"):
        client.load_model("bad")
