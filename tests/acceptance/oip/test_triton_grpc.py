"""Triton's own gRPC client, unmodified, does everything it offers for these calls."""

from __future__ import annotations

import asyncio
import queue
import re
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import onnxruntime as ort
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from support.models.oip_models import ELEMENTS, fill, sample
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = np.array([[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]], dtype=np.float32)
SERVICE = "inference.GRPCInferenceService"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = fill(Service(tmp_path_factory.mktemp("grpc"), grpc_port=0, max_body_bytes=1_000_000))
    try:
        yield service.start(within=120)
    finally:
        service.stop()


@pytest.fixture(scope="module")
def address(served: Service) -> str:
    return grpc_address(served)


def grpc_address(service: Service) -> str:
    found = eventually(lambda: re.search(r"gRPC running on (\S+)", service.log), what="gRPC")
    return str(found[1])


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as connected:
        yield connected


@pytest.fixture
def stub(address: str) -> Iterator[Any]:
    """Call by plain messages, as other languages' clients do."""
    with grpc.insecure_channel(address) as channel:
        yield channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )


def given(name: str, datatype: str, array: Any) -> triton.InferInput:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return tensor


def test_asks_for_health(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("penguins")
    assert client.is_model_ready("penguins", "1")
    assert not client.is_model_ready("penguins", "9")
    assert not client.is_model_ready("bad")
    assert not client.is_model_ready("missing")


def test_asks_for_metadata_and_configuration(client: triton.InferenceServerClient) -> None:
    assert "statistics" in client.get_server_metadata().extensions
    metadata = client.get_model_metadata("penguins", as_json=True)
    assert metadata["inputs"] == [{"name": "X", "datatype": "FP32", "shape": ["-1", "4"]}]
    assert metadata["versions"] == ["1", "2"]
    assert client.get_model_metadata("penguins", "1").versions == ["1"]
    config = client.get_model_config("several").config
    assert (config.name, config.backend) == ("several", "onnxruntime")
    assert [list(tensor.dims) for tensor in config.input] == [[], [-1], [2, -1, 3]]


def test_asks_for_statistics(client: triton.InferenceServerClient) -> None:
    before = client.get_inference_statistics("penguins", "2").model_stats[0]
    client.infer("penguins", [given("X", "FP32", ROWS)])
    after = client.get_inference_statistics("penguins", "2").model_stats[0]
    assert after.inference_stats.success.count == before.inference_stats.success.count + 1
    assert after.inference_count == before.inference_count + 2
    assert len(client.get_inference_statistics().model_stats) > 10


def test_indexes_loads_and_unloads(client: triton.InferenceServerClient) -> None:
    states = {(m.name, m.version): m.state for m in client.get_model_repository_index().models}
    assert states["several", "1"] == "READY"
    assert states["bad", "1"] == "UNAVAILABLE"
    client.unload_model("several")
    assert not client.is_model_ready("several")
    client.load_model("several")
    assert client.is_model_ready("several")
    with pytest.raises(InferenceServerException, match="cannot be loaded"):
        client.load_model("bad")


@pytest.mark.parametrize("datatype", ELEMENTS)
def test_results_are_those_of_onnxruntime(
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


def test_a_classifier_answers_bit_for_bit(
    served: Service, client: triton.InferenceServerClient
) -> None:
    rows = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32) * ROWS[0]
    file = served.models / "penguins" / "2" / "model.onnx"
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    labels, table = session.run(None, {"X": rows})
    result = client.infer("penguins", [given("X", "FP32", rows)], request_id="own id")
    assert result.as_numpy("probabilities").tobytes() == table.tobytes()
    assert [label.decode() for label in result.as_numpy("label")] == labels.tolist()
    response = result.get_response()
    assert (response.id, response.model_version) == ("own id", "2")


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compresses_several_inputs(client: triton.InferenceServerClient, compression: str) -> None:
    cube = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    words = np.array(["a", "", "日本"], dtype=object)
    scalar = triton.InferInput("scalar", [], "INT64")
    scalar.set_data_from_numpy(np.array(7))
    tensors = [scalar, given("words", "BYTES", words), given("cube", "FP32", cube)]
    result = client.infer("several", tensors, compression_algorithm=compression)
    assert result.as_numpy("cube_out").tobytes() == cube.tobytes()
    assert [word.decode() for word in result.as_numpy("words_out")] == words.tolist()
    assert result.as_numpy("scalar_out") == 7


def test_asks_for_classes(client: triton.InferenceServerClient) -> None:
    outputs = [triton.InferRequestedOutput("probabilities", class_count=2)]
    result = client.infer("penguins", [given("X", "FP32", ROWS)], outputs=outputs)
    ranked = result.as_numpy("probabilities")
    assert ranked.shape == (2, 2)
    assert ranked[0, 0].decode().split(":")[2] in {"Adelie", "Chinstrap", "Gentoo"}


def test_infers_asynchronously_and_by_stream(client: triton.InferenceServerClient) -> None:
    tensors = [given("X", "FP32", ROWS)]
    expected = client.infer("penguins", tensors).as_numpy("probabilities").tobytes()
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()

    def collect(result: Any, error: Any) -> None:
        answers.put((result, error))

    for _ in range(8):
        client.async_infer("penguins", tensors, collect)
    client.start_stream(collect)
    for _ in range(8):
        client.async_stream_infer("penguins", tensors)
    for _ in range(16):
        result, error = answers.get(timeout=20)
        assert error is None
        assert result.as_numpy("probabilities").tobytes() == expected
    client.async_stream_infer("missing", tensors)
    result, error = answers.get(timeout=20)
    assert "there is no model 'missing'" in str(error)
    client.stop_stream()


def test_its_asyncio_client_does_the_same(address: str) -> None:
    async def ask() -> None:
        async with triton_aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            assert await client.is_model_ready("penguins")
            assert (await client.get_model_metadata("penguins")).name == "penguins"
            await client.unload_model("id-fp64")
            assert not await client.is_model_ready("id-fp64")
            await client.load_model("id-fp64")
            tensors = [given("X", "FP32", ROWS)]
            results = await asyncio.gather(*(client.infer("penguins", tensors) for _ in range(8)))
            assert len({r.as_numpy("probabilities").tobytes() for r in results}) == 1

    asyncio.run(ask())


@pytest.mark.parametrize("datatype", [d for d in ELEMENTS if d != "FP16"])
def test_takes_typed_contents(stub: Any, datatype: str) -> None:
    array = sample(datatype)
    request = service_pb2.ModelInferRequest(model_name=f"id-{datatype.lower()}")
    tensor = request.inputs.add(name="x", datatype=datatype, shape=array.shape)
    field = {
        "BOOL": "bool", "INT64": "int64", "UINT64": "uint64", "FP32": "fp32", "FP64": "fp64",
        "BYTES": "bytes",
    }.get(datatype, "uint" if datatype[0] == "U" else "int")  # fmt: skip
    values = array.reshape(-1).tolist()
    values = [v.encode() for v in values] if datatype == "BYTES" else values
    getattr(tensor.contents, f"{field}_contents").extend(values)
    response = stub(request)
    if datatype != "BYTES":
        assert response.raw_output_contents[0] == array.tobytes()
    assert list(response.outputs[0].shape) == [2, 3]


def _wrong(**changed: Any) -> service_pb2.ModelInferRequest:
    raw = changed.pop("raw", [b"\0" * 8])
    request = service_pb2.ModelInferRequest(
        model_name=changed.pop("model", "id-fp32"),
        model_version=changed.pop("version", ""),
        raw_input_contents=raw,
    )
    contents = changed.pop("contents", None)
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2]} | changed
    request.inputs.add(**tensor)
    if contents is not None:
        request.inputs[0].contents.fp32_contents.extend(contents)
    return request


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"model": "missing"}, "NOT_FOUND"),
        ({"version": "9"}, "NOT_FOUND"),
        ({"version": "x"}, "NOT_FOUND"),
        ({"model": "bad"}, "UNAVAILABLE"),
        ({"name": "z"}, "INVALID_ARGUMENT"),
        ({"datatype": "FP64"}, "INVALID_ARGUMENT"),
        ({"shape": [1, 3]}, "INVALID_ARGUMENT"),
        ({"shape": [-1, 2]}, "INVALID_ARGUMENT"),
        ({"shape": [2**62, 2**62]}, "INVALID_ARGUMENT"),
        ({"raw": [b"\0" * 7]}, "INVALID_ARGUMENT"),
        ({"raw": [b"\0" * 8, b""]}, "INVALID_ARGUMENT"),
        ({"raw": []}, "INVALID_ARGUMENT"),
        ({"raw": [], "contents": [1.0]}, "INVALID_ARGUMENT"),
        ({"raw": [b"\0" * 2_000_000]}, "RESOURCE_EXHAUSTED"),
        ({"model": "id-fp16", "datatype": "FP16", "raw": []}, "INVALID_ARGUMENT"),
    ],
)
def test_every_refusal_has_its_code(stub: Any, changed: dict[str, Any], code: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub(_wrong(**changed))
    assert raised.value.code().name == code, raised.value.details()
    assert raised.value.details()


def test_offers_health_and_reflection(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        checks = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            answer = checks.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(database.get_services()) >= {SERVICE, "grpc.health.v1.Health"}
        described = DescriptorPool(database).FindServiceByName(SERVICE)
        assert {"ModelInfer", "RepositoryModelLoad"} <= {m.name for m in described.methods}


def test_what_grpc_unloads_is_unloaded_over_http(
    served: Service, client: triton.InferenceServerClient
) -> None:
    client.unload_model("id-int8")
    assert served.client.get("/v2/models/id-int8/ready").status_code == 503
    served.client.post("/v2/repository/models/id-int8/load").raise_for_status()
    assert client.is_model_ready("id-int8")
