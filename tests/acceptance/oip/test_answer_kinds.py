"""Triton's gRPC client gets the tensors of each kind of answer, and its metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tritonclient.grpc as triton

from support.answers.kinds import ROWS, kinds, predictions
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton.InferenceServerClient]:
    with Service(tmp_path_factory.mktemp("kinds"), grpc_port=0) as service:
        for name, content in kinds().items():
            service.put(f"{name}/1/model.onnx", content)
        service.start(within=60)
        found = eventually(lambda: re.search(r"gRPC running on (\S+)", service.log), what="gRPC")
        with triton.InferenceServerClient(str(found[1])) as connected:
            yield connected


def infer(client: triton.InferenceServerClient, name: str, **asked: int) -> triton.InferResult:
    tensor = triton.InferInput("X", [2, 4], "FP32")
    tensor.set_data_from_numpy(np.array(ROWS, dtype=np.float32))
    outputs = [triton.InferRequestedOutput(n, class_count=count) for n, count in asked.items()]
    return client.infer(name, [tensor], outputs=outputs or None)


def test_labels_and_probabilities_of_targets_are_outputs(
    client: triton.InferenceServerClient,
) -> None:
    result = infer(client, "labels")
    wanted = predictions()["labels"]
    assert result.as_numpy("species_label").tolist() == [b"Adelie", b"Gentoo"]
    assert result.as_numpy("heavy_label").tolist() == [0, 1]
    shares = [list(p["probabilities"]["species"].values()) for p in wanted]
    assert result.as_numpy("species_probabilities") == pytest.approx(np.array(shares), rel=1e-5)
    metadata = client.get_model_metadata("labels")
    assert [output.name for output in metadata.outputs] == [
        "species_label",
        "species_probabilities",
        "heavy_label",
        "heavy_probabilities",
        "count_label",
    ]


def test_classification_names_the_classes_of_each_target(
    client: triton.InferenceServerClient,
) -> None:
    result = infer(client, "labels", species_probabilities=1, heavy_probabilities=1)
    for output, best in (
        ("species_probabilities", [b"0:Adelie", b"2:Gentoo"]),
        ("heavy_probabilities", [b"0:false", b"1:true"]),
    ):
        texts = result.as_numpy(output).ravel().tolist()
        assert [text.partition(b":")[2] for text in texts] == best


@pytest.mark.parametrize(
    ("kind", "output", "member"),
    [("outliers", "score", "score"), ("clusters", "distances", "distances"),
     ("mixture", "probabilities", "probabilities"), ("vectors", "vector", "vector")],
)  # fmt: skip
def test_numbers_are_those_of_numpy(
    client: triton.InferenceServerClient, kind: str, output: str, member: str
) -> None:
    wanted = [p[member] for p in predictions()[kind]]
    numbers = [list(w.values()) if isinstance(w, dict) else w for w in wanted]
    given = infer(client, kind).as_numpy(output)
    assert given.ravel() == pytest.approx(np.array(numbers).ravel(), rel=1e-5)
