"""A run that never ends, or takes all memory, does not affect other callers."""

from __future__ import annotations

import json
import re
import signal
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest

from inference.grpc import protocol_pb2 as pb
from inference.settings import MIB
from support.models.artifacts import penguins
from support.models.hostile_graphs import GRAPHS, LOOP, PRODUCT, ZEROS
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

RUN_MEMORY_BYTES = 128 * MIB
HOSTILE = {"loop": LOOP, "zeros": ZEROS, "loop-batched": LOOP, "zeros-batched": ZEROS}
BATCHED = {name: {"max_batch_rows": 8} for name in HOSTILE if name.endswith("batched")}
# Model, number, and statuses of the answer: a loop without end, a tensor of 8 GB, an answer of more
# than 200 MB, for which another run may have left no memory. A busy machine may not come as far.
ATTACKS = [("loop", 9e15, {504}), ("zeros", 2e9, {413, 504}), ("zeros", 2e7, {413, 503, 504})]
GRPC_STATUSES = {
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
    503: grpc.StatusCode.UNAVAILABLE,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
RECORD = b"[[40.0, 17.0, 190.0, 3900.0]]"
# Where the loop was blocked it was for good; a machine may be busy with other tests.
LONGEST_SECONDS = 10.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve good models and hostile ones."""
    settings = {
        "grpc_port": 0,
        "run_seconds": 1,
        "run_memory_bytes": RUN_MEMORY_BYTES,
        "max_output_bytes": MIB,
        "plans": json.dumps(BATCHED),
    }
    with Service(tmp_path_factory.mktemp("hostile"), **settings) as running:
        running.put("penguins.onnx", penguins())
        for name, data in HOSTILE.items():
            running.put(f"{name}.onnx", data)
        yield running.start()


def _predict(service: Service, model: str, number: float) -> int:
    url = f"{service.client.base_url}/models/{model}/predict"
    return httpx.post(url, content=json.dumps([[number]]), timeout=30).status_code


def _infer(service: Service, model: str, number: float) -> int:
    tensor = {"name": "X", "shape": [1, 1], "datatype": "FP32", "data": [number]}
    url = f"{service.client.base_url}/v2/models/{model}/infer"
    return httpx.post(url, json={"inputs": [tensor]}, timeout=30).status_code


def _infer_binary(service: Service, model: str, number: float) -> int:
    tensor: dict[str, Any] = {"name": "X", "shape": [1, 1], "datatype": "FP32"}
    tensor["parameters"] = {"binary_data_size": 4}
    asked = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    head = json.dumps(asked).encode()
    url = f"{service.client.base_url}/v2/models/{model}/infer"
    headers = {"Inference-Header-Content-Length": str(len(head))}
    body = head + struct.pack("<f", number)
    return httpx.post(url, content=body, headers=headers, timeout=30).status_code


def _call(service: Service, model: str, number: float) -> int:
    port = eventually(lambda: re.search(r"gRPC[^\n]*:(\d+)", service.log), what="gRPC")
    tensor = pb.ModelInferRequest.InferInputTensor(name="X", datatype="FP32", shape=[1, 1])
    request = pb.ModelInferRequest(
        model_name=model, inputs=[tensor], raw_input_contents=[struct.pack("<f", number)]
    )
    with grpc.insecure_channel(f"127.0.0.1:{port[1]}") as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        try:
            infer(request, timeout=30)
        except grpc.RpcError as error:
            found = {code: status for status, code in GRPC_STATUSES.items()}
            return found.get(error.code(), 0)
    return 200


WAYS: dict[str, Callable[[Service, str, float], int]] = {
    "predict": _predict,
    "infer": _infer,
    "binary": _infer_binary,
    "grpc": _call,
}


@contextmanager
def good_client(service: Service) -> Iterator[list[float]]:
    """Ask for a good prediction and for a sign of life, over and over; give how long each took."""
    waits: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=service.client.base_url, timeout=30) as client:
            while not stop.is_set():
                for path, body in (("/models/penguins/predict", RECORD), ("/healthz", None)):
                    begin = time.perf_counter()
                    answer = client.request("POST" if body else "GET", path, content=body)
                    waits.append(time.perf_counter() - begin)
                    assert answer.status_code == 200

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        eventually(lambda: len(waits) > 1)
        try:
            yield waits
        finally:
            stop.set()
        asking.result()


def memory(pid: int) -> int:
    """Give the bytes that a process has in memory, and the most that it had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]


def test_each_attack_is_refused_and_a_good_client_notices_nothing(service: Service) -> None:
    """All of them at once, in every way, alone and batched: in bounded time and memory."""
    before = memory(service.worker_pids[-1])
    jobs = [
        # Of the zeros there are not as many as rows, so rows are not taken.
        (way, model + kind, number, {409} if (way, model) == ("predict", "zeros") else statuses)
        for way in WAYS
        for model, number, statuses in ATTACKS
        for kind in ("", "-batched")
    ]
    with good_client(service) as waits, ThreadPoolExecutor(len(jobs)) as pool:
        tasks = [pool.submit(WAYS[way], service, model, number) for way, model, number, _ in jobs]
        found = [task.result() for task in tasks]
    wrong = [(job, got) for job, got in zip(jobs, found, strict=True) if got not in job[-1]]
    assert not wrong
    assert max(waits) < LONGEST_SECONDS
    most = len(HOSTILE) * RUN_MEMORY_BYTES
    assert memory(service.worker_pids[-1]) - before < most
    for name in HOSTILE:  # they still serve
        assert _infer(service, name, 3.0) == 200


def test_no_kind_of_hostile_graph_runs_on_the_loop(service: Service) -> None:
    """Whatever admission saw of them; all at once."""
    kinds = [kind.lower() for kind in GRAPHS if kind not in ("product", "Loop", "ConstantOfShape")]
    for kind in kinds:
        service.put(f"{kind}.onnx", GRAPHS[next(k for k in GRAPHS if k.lower() == kind)])
    for kind in kinds:
        service.wait_for(kind, state="ready", within=60)
    with good_client(service) as waits, ThreadPoolExecutor(len(kinds)) as pool:
        found = {*pool.map(lambda kind: _infer(service, kind, 2e9), kinds)}
    assert found <= {400, 413, 500, 504}
    assert max(waits) < LONGEST_SECONDS


def test_it_ends_in_time_while_runs_hang(tmp_path: Path) -> None:
    """Asked to stop, a service does not wait for what would never end."""
    with Service(tmp_path, run_seconds=60, shutdown_seconds=2) as service:
        service.put("loop.onnx", LOOP)
        service.start()
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(_status, service, "loop", 9e15) for _ in range(8)]
            eventually(lambda: 'model="loop"} 8' in service.client.get("/metrics").text)
            begin = time.monotonic()
            assert service.stop(signal.SIGTERM, within=40) == 0
            assert time.monotonic() - begin < 30, "a run takes a minute"
            assert all(task.result() != 200 for task in asked)


def _status(service: Service, model: str, number: float) -> int:
    try:
        return _predict(service, model, number)
    except httpx.HTTPError:
        return 0


def test_a_run_that_cannot_be_ended_has_its_worker_replaced(tmp_path: Path) -> None:
    """One operator goes on for minutes: the request is answered, then the process goes."""
    with Service(tmp_path, run_seconds=3) as service:
        service.put("penguins.onnx", penguins())
        service.put("product.onnx", PRODUCT)
        service.start()
        (before,) = service.worker_pids
        assert _predict(service, "product", 11_000) == 504
        eventually(lambda: before not in service.worker_pids, within=90, what="the worker goes")
        eventually(lambda: _status(service, "product", 3.0) == 200, within=30)
        assert "cannot be ended" in service.log
        assert "asked to be replaced" in service.log
        assert service.stop() == 0
