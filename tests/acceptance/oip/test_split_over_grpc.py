"""A split over gRPC, by Triton's client: the metadata are the headers."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from support.models.artifacts import penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

ROW = np.array([[39.1, 18.7, 181.0, 3750.0]], dtype=np.float32)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("split"), grpc_port=0) as service:
        for version in (1, 2, 3):
            service.put(f"m/{version}/model.onnx", penguins(note=f"version {version}"))
        yield service.start()


@pytest.fixture
def client(served: Service) -> Iterator[triton.InferenceServerClient]:
    found = eventually(lambda: re.search(r"gRPC running on (\S+)", served.log), what="gRPC")
    with triton.InferenceServerClient(found[1]) as connected:
        yield connected


def ask(client: triton.InferenceServerClient, version: str = "", **headers: str) -> int:
    tensor = triton.InferInput("X", [1, 4], "FP32")
    tensor.set_data_from_numpy(ROW)
    answer: Any = client.infer("m", [tensor], model_version=version, headers=headers)
    return int(answer.get_response().model_version)


def put(service: Service, **change: Any) -> httpx.Response:
    return service.client.put("/models/m/traffic", json=change).raise_for_status()


def test_calls_are_split_and_a_named_version_is_not(
    served: Service, client: triton.InferenceServerClient
) -> None:
    put(served, split={"1": 75, "2": 25})
    seen = Counter(ask(client) for _ in range(80))
    assert set(seen) == {1, 2}
    assert 17 <= seen[2] <= 23
    assert {ask(client, "3") for _ in range(5)} == {3}
    assert client.is_model_ready("m")
    assert client.get_model_metadata("m").versions == ["1", "2", "3"]


def test_the_same_metadata_get_the_version_that_the_header_gets(
    served: Service, client: triton.InferenceServerClient
) -> None:
    put(served, split={"1": 50, "2": 50}, sticky="x-user")
    over_http = []
    for number in range(20):
        headers = {"x-user": str(number)}
        answer = served.client.post("/models/m/predict", json=ROW.tolist(), headers=headers)
        over_http.append(answer.json()["version"])
    assert set(over_http) == {1, 2}
    assert [ask(client, **{"x-user": str(number)}) for number in range(20)] == over_http


def test_each_message_of_a_stream_is_a_request_of_its_own(
    served: Service, client: triton.InferenceServerClient
) -> None:
    put(served, split={"1": 50, "2": 50})
    seen: list[int] = []

    def note(result: Any, error: Any) -> None:
        seen.append(0 if error else int(result.get_response().model_version))

    tensor = triton.InferInput("X", [1, 4], "FP32")
    tensor.set_data_from_numpy(ROW)
    client.start_stream(note)
    for _ in range(40):
        client.async_stream_infer("m", [tensor])
    eventually(lambda: len(seen) == 40)
    client.stop_stream()
    assert 17 <= seen.count(1) <= 23
    assert set(seen) == {1, 2}
