"""With keys on, every gRPC call is tried with no key, a wrong one, each scope."""

from __future__ import annotations

import json
import re
from collections import Counter
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
    from pathlib import Path

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


def test_health_says_what_readyz_says(tmp_path: Path) -> None:
    service = Service(tmp_path, model_name="m", grpc_port=0)
    service.run()
    http, address = (
        eventually(lambda pattern=pattern: re.search(pattern, service.log))[1]
        for pattern in (r"Swagger: (http://\S+)/docs", r"gRPC running on (\S+)")
    )
    service.client.base_url = http
    with service, grpc.insecure_channel(address) as channel:
        checks = health_pb2_grpc.HealthStub(channel)
        watched = checks.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        for status, state in (
            (503, health_pb2.HealthCheckResponse.NOT_SERVING),
            (200, health_pb2.HealthCheckResponse.SERVING),
        ):
            eventually(lambda status=status: service.client.get("/readyz").status_code == status)
            assert checks.Check(health_pb2.HealthCheckRequest()).status == state
            assert next(watched).status == state
            service.put("model.onnx", penguins())


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


def counts_of(service: Service, key: str) -> Counter[int]:
    """Return how many calls were answered with each status."""
    text = service.client.get("/metrics", headers={"x-api-key": key}).text
    counts: Counter[int] = Counter()
    for labels, value in re.findall(r"inference_requests_total\{(.*)\} (\S+)", text):
        if 'route="grpc"' in labels:
            counts[int(labels.partition('status="')[2][:3])] += int(float(value))
    return counts


def test_refused_requests_are_counted_and_every_call_is_logged(
    tmp_path: Path, keys: dict[str, tuple[str, str]]
) -> None:
    (tmp_path / "keys").write_text("\n".join(line for _, line in keys.values()))
    limits = {"max_control_bytes": 1024, "grpc_max_streams": 1}
    logged = {"log_requests": True, "log_format": "json"}
    good = FILLED["ModelInfer"].SerializeToString()
    lost = pb.ModelInferRequest(model_name="none", inputs=[INPUT]).SerializeToString()
    asked: list[tuple[str, str | None, bytes, int]] = [
        ("ModelInfer", "predict", good, 200),
        ("ModelInfer", None, good, 401),
        ("ModelInfer", "admin", good, 403),
        ("ModelInfer", "predict", b"\xff", 400),
        ("ModelInfer", "predict", lost, 404),
        ("ModelReady", "predict", b"\xff", 400),
        ("ModelReady", "predict", b"\x00" * 1025, 413),
        ("ServerLive", None, b"", 200),
    ]
    with Service(tmp_path, grpc_port=0, api_keys_file=tmp_path / "keys", **limits, **logged) as it:
        it.put("m.onnx", penguins())
        it.start()
        found = eventually(lambda: re.search(r"gRPC running on ([0-9.:]+)", it.log), what="gRPC")
        with grpc.insecure_channel(found[1]) as channel:
            for method, key, data, status in asked:
                metadata = [("x-api-key", keys[key][0])] if key else []
                stub = channel.unary_unary(f"/{SERVICE.full_name}/{method}")
                try:
                    stub(data, metadata=metadata, timeout=20)
                except grpc.RpcError:
                    assert status != 200
            stream = channel.stream_stream(f"/{SERVICE.full_name}/ModelStreamInfer")
            metadata = [("x-api-key", keys["predict"][0])]
            assert len([*stream(iter([good, b"\xff", lost]), metadata=metadata, timeout=20)]) == 3
            with pytest.raises(grpc.RpcError):
                next(stream(iter([good]), timeout=20))
        wanted_counts = {200: 2, 400: 2, 401: 2, 403: 1, 404: 2}
        eventually(lambda: counts_of(it, keys["predict"][0]) == wanted_counts)
        it.stop()
    lines = [json.loads(line) for line in it.log.splitlines() if line.startswith("{")]
    events = [line for line in lines if line.get("event") == "request" and line["method"] == "gRPC"]
    streamed = [("ModelStreamInfer", status) for status in (200, 400, 404)]
    wanted = [(method, status) for method, _, _, status in asked] + streamed
    assert [(line["path"], line["status"]) for line in events] == wanted
    assert [line.get("key") for line in events][:3] == ["predict", None, "admin"]
    assert all(line["ms"] >= 0 for line in events)
