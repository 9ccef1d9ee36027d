"""With keys on, every gRPC call is tried with no key, a wrong one, each scope."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
from google.protobuf import message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc

from inference.access.api_key import make_key
from inference.grpc import protocol_pb2 as pb
from support.models.artifacts import penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
OPEN = {"ServerLive", "ServerReady"}
PREDICT = {"ModelInfer", "ModelStreamInfer"}
ADMIN = {"RepositoryModelLoad", "RepositoryModelUnload"}
INPUT = pb.ModelInferRequest.InferInputTensor(name="X", datatype="FP32", shape=[1, 4])
ROW = np.array([39.1, 18.7, 181.0, 3750.0], dtype=np.float32).tobytes()
FILLED = {
    "ModelInfer": pb.ModelInferRequest(model_name="m", inputs=[INPUT], raw_input_contents=[ROW]),
    "RepositoryModelUnload": pb.RepositoryModelUnloadRequest(model_name="other"),
    "RepositoryModelLoad": pb.RepositoryModelLoadRequest(model_name="m"),
}


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[str, str]]:
    asked = {"predict": ["predict"], "admin": ["admin"], "both": ["predict", "admin"]}
    return {name: make_key(name, scopes) for name, scopes in asked.items()}


@pytest.fixture(scope="module")
def served(
    keys: dict[str, tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("keyed")
    (root / "keys").write_text("\n".join(line for _, line in keys.values()))
    service = Service(root, grpc_port=0, api_keys_file=root / "keys", rate_limit=100)
    for name in ("m", "other"):
        service.put(f"{name}.onnx", penguins())
    try:
        yield service.start()
    finally:
        service.stop()


@pytest.fixture(scope="module")
def channel(served: Service) -> Iterator[grpc.Channel]:
    found = eventually(lambda: re.search(r"gRPC running on (\S+)", served.log), what="gRPC")
    with grpc.insecure_channel(found[1]) as connected:
        yield connected


@pytest.fixture
def call(channel: grpc.Channel, keys: dict[str, tuple[str, str]]) -> Callable[..., Any]:
    def ask(method: str, key: str | None, header: str = "authorization") -> grpc.StatusCode:
        described = SERVICE.methods_by_name[method]
        request = message_factory.GetMessageClass(described.input_type)
        reply = message_factory.GetMessageClass(described.output_type)
        streams = described.client_streaming
        kind = channel.stream_stream if streams else channel.unary_unary
        shown = keys[key][0] if key in keys else "rk_wrong"
        credential = f"Bearer {shown}" if header == "authorization" else shown
        stub = kind(f"/{SERVICE.full_name}/{method}", request.SerializeToString, reply.FromString)
        message = FILLED.get(method) or request()
        metadata = [] if key is None else [(header, credential)]
        try:
            if streams:
                asked = iter([FILLED["ModelInfer"]] * 3)
                return _code([*stub(asked, metadata=metadata, timeout=20)][-1])
            stub(message, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    return ask


def _code(answer: pb.ModelStreamInferResponse) -> grpc.StatusCode:
    """Tell why a message of a stream was denied; a stream goes on all the same."""
    reported = {
        "lacks scope": grpc.StatusCode.PERMISSION_DENIED,
        "requests a second": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "key": grpc.StatusCode.UNAUTHENTICATED,
    }
    found = (code for part, code in reported.items() if part in answer.error_message)
    return next(found, grpc.StatusCode.OK)


@pytest.mark.parametrize("method", sorted(SERVICE.methods_by_name))
def test_each_call_lets_in_who_has_the_scope(call: Callable[..., Any], method: str) -> None:
    denials = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
    for key in (None, "wrong", "predict", "admin", "both"):
        code = call(method, key)
        lacking = {"predict": ADMIN, "admin": PREDICT}.get(key or "", set())
        if method not in OPEN and key in (None, "wrong"):
            assert code == grpc.StatusCode.UNAUTHENTICATED
        elif method in lacking:
            assert code == grpc.StatusCode.PERMISSION_DENIED
        else:
            assert code not in denials


def test_a_key_is_taken_from_either_header(call: Callable[..., Any]) -> None:
    assert call("ModelInfer", "predict", "x-api-key") == grpc.StatusCode.OK


def test_health_is_open(channel: grpc.Channel) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_each_message_of_a_stream_counts(
    channel: grpc.Channel, keys: dict[str, tuple[str, str]], served: Service
) -> None:
    stub = channel.stream_stream(
        f"/{SERVICE.full_name}/ModelStreamInfer",
        pb.ModelInferRequest.SerializeToString,
        pb.ModelStreamInferResponse.FromString,
    )
    metadata = [("x-api-key", keys["predict"][0])]
    asked = iter([FILLED["ModelInfer"]] * 2000)
    codes = {_code(answer) for answer in stub(asked, metadata=metadata, timeout=60)}
    assert codes == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert "denied with 429" in served.log
