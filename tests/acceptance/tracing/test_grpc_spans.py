"""The spans that a collector gets of calls over gRPC, from Triton's client."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import InferenceServerException

from acceptance.oip.test_triton_grpc import grpc_address
from support.models.artifacts import penguins

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.monitoring.otlp_receiver import OtlpReceiver
    from support.service.process import Service

pytestmark = pytest.mark.long

ROWS = np.array([[39.1, 18.7, 181.0, 3750.0]], dtype=np.float32)
PARENT = "b7ad6b7169203331"
NAME = "inference.GRPCInferenceService/"


def metadata(number: int) -> dict[str, str]:
    return {"traceparent": f"00-{number:032x}-{PARENT}-01", "tracestate": "one=1"}


def rows() -> list[triton.InferInput]:
    given = triton.InferInput("X", [1, 4], "FP32")
    given.set_data_from_numpy(ROWS)
    return [given]


@pytest.fixture
def address(make_traced: Callable[..., Service]) -> str:
    service = make_traced(grpc_port=0)
    service.put("m/1/model.onnx", penguins())
    return grpc_address(service.start())


def test_a_call_is_a_span_with_its_phases(address: str, collector: OtlpReceiver) -> None:
    with triton.InferenceServerClient(address) as client:
        client.infer("m", rows(), headers=metadata(1), request_id="r")
    ((whole, phases),) = collector.server_spans(f"{1:032x}")
    assert (whole.name, whole.parent_id) == (NAME + "ModelInfer", PARENT)
    assert (whole.state, whole.status) == ("one=1", 0)
    assert whole.attributes.pop("inference.request_id")
    assert whole.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": NAME + "ModelInfer",
        "rpc.response.status_code": "OK",
        "inference.model.name": "m",
        "inference.model.version": 1,
        "inference.rows": 1,
    }
    assert phases - {"queue"} == {"parse", "infer", "encode"}


def test_a_refused_call_has_the_code_of_its_answer(address: str, collector: OtlpReceiver) -> None:
    with triton.InferenceServerClient(address) as client:
        with pytest.raises(InferenceServerException, match="NOT_FOUND"):
            client.infer("none", rows(), headers=metadata(1))
        with pytest.raises(InferenceServerException, match="NOT_FOUND"):
            client.get_model_metadata("none", headers=metadata(2))
    for number, call in ((1, "ModelInfer"), (2, "ModelMetadata")):
        (span,) = collector.of_trace(f"{number:032x}", 1)
        assert span.name == NAME + call
        assert span.attributes["rpc.response.status_code"] == "NOT_FOUND"
        assert span.status == 0


def test_the_answer_names_the_span(address: str, collector: OtlpReceiver) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelReadyRequest(name="m")
        _, call = stub.ModelReady.with_call(request, metadata=[*metadata(1).items()])
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelMetadata(
                service_pb2.ModelMetadataRequest(name="none"), metadata=[*metadata(2).items()]
            )
    for number, answer in ((1, call), (2, refused.value)):
        (span,) = collector.of_trace(f"{number:032x}", 1)
        given: Any = dict(answer.trailing_metadata())
        assert given["traceresponse"] == f"00-{number:032x}-{span.span_id}-01"


def test_each_message_of_a_stream_is_a_span(address: str, collector: OtlpReceiver) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    with triton.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)), headers=metadata(1))
        for model in ("m", "none", "m"):
            client.async_stream_infer(model, rows())
        for _ in range(3):
            answers.get(timeout=20)
        client.stop_stream()
    spans = [span for span, _ in collector.server_spans(f"{1:032x}", 3)]
    assert {span.name for span in spans} == {NAME + "ModelStreamInfer"}
    codes = [span.attributes["rpc.response.status_code"] for span in spans]
    assert codes == ["OK", "NOT_FOUND", "OK"]
    assert len({span.span_id for span in spans}) == 3


def test_probes_are_traced_only_for_a_caller_that_traces(
    address: str, collector: OtlpReceiver
) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_server_ready(headers=metadata(1))
    collector.of_trace(f"{1:032x}", 1)
    assert len(collector.spans) == 1
