"""Whatever lands in the models folder is served, quarantined or ignored, and disturbs nothing."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support.models.artifacts import message, model, penguins
from support.models.hostile_models import endless, greedy, with_external_data
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

QUARANTINED = {
    "truncated": (penguins()[:700], "not an ONNX model, or it is truncated"),
    "empty": (b"", "the file is empty"),
    "random": (np.random.default_rng(0).bytes(5000), "not an ONNX model"),
    "text": (b"This is the text of a model.\n" * 50, "not an ONNX model"),
    "page": (b"<!DOCTYPE html><html>404</html>", "not an ONNX model, it is an HTML page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer: run"),
    "pickle": (pickle.dumps({"weights": [1.5]}), "it is a pickle: publish the model with"),
    "external": (with_external_data(), "external data is refused: save the model as one file"),
    "wrong": (penguins(wrong=True), "golden sample 0 is answered"),
    "greedy": (greedy(), "memory"),
    "endless": (endless(), "INFERENCE_ADMISSION_TIMEOUT_SECONDS"),
    "hollow": (model(message((2, "g"))), "onnxruntime cannot load it"),
    "newer": (penguins().replace(b'"contract_version":1', b'"contract_version":9'), "version 9"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start a service whose folder holds one good model, and then all that is bad."""
    with Service(tmp_path_factory.mktemp("bad-files"), admission_timeout_seconds=10) as service:
        service.put("good/1/model.onnx", penguins())
        service.start()
        for name, (content, _) in QUARANTINED.items():
            service.put(f"{name}.onnx", content)
        service.put("Bad Name.onnx", penguins())
        service.put("notes.txt", b"x")
        service.put("folder/first/model.onnx", penguins())
        (service.models / "x.onnx").mkdir()
        (service.models / "loop").symlink_to("loop")
        os.mkfifo(service.models / "pipe.onnx")
        with open(os.fsencode(service.models) + b"/\xff.onnx", "wb"):  # noqa: PTH123 - no text
            pass
        with (service.models / "huge.onnx").open("wb") as file:
            # A version of the format, and a graph to the end of the file.
            file.write(b"\x08\x08\x3a\xf7\xff\xff\xff\xff\x7f")
            file.truncate(1 << 42)
        yield service


def answers(service: Service, name: str = "good") -> bool:
    answer = service.client.post(f"/models/{name}/predict", json=[39.1, 18.7, 181.0, 3750.0])
    return answer.status_code == 200


@pytest.mark.parametrize("name", QUARANTINED)
def test_a_bad_file_is_quarantined_with_a_reason(service: Service, name: str) -> None:
    shown = service.wait_for(name, state="quarantined", within=60)
    assert QUARANTINED[name][1] in shown["reason"]
    assert [q["version"] for q in shown["quarantined"]] == [1]
    assert answers(service)


def test_a_huge_file_is_quarantined_unread(service: Service) -> None:
    shown = service.wait_for("huge", state="quarantined", within=30)
    assert "4,398,046,511,104 bytes" in shown["reason"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Bad Name.onnx", "'bad-name' would do"),
        ("notes.txt", "not an .onnx file"),
        ("x.onnx", "a folder"),
        ("folder/first/", "a version is a positive integer"),
        ("loop", "not an .onnx file"),
        ("pipe.onnx", "not a regular file"),
        ("\\xff.onnx", "a model's name has a-z"),
    ],
)
def test_what_is_no_artifact_is_ignored_with_a_reason(
    service: Service, path: str, said: str
) -> None:
    def ignored() -> dict[str, str]:
        listed = service.client.get("/models").json()["ignored"]
        return {entry["path"]: entry["reason"] for entry in listed}

    assert said in eventually(lambda: ignored().get(path))
    assert answers(service)


def test_beside_all_of_that_a_good_model_appears(service: Service) -> None:
    service.put("late/1/model.onnx", penguins(seed=2))
    service.wait_for("late", state="ready")
    assert answers(service, "late")
    assert service.client.get("/openapi.json").status_code == 200
    assert service.client.get("/readyz").status_code == 200
    assert "Traceback" not in service.log


def _copy_slowly(service: Service, place: Path, content: bytes) -> None:
    """Write in ten parts over a second, checking that nothing is served before the last."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = len(content) // 10 + 1
    with place.open("wb", buffering=0) as file:
        for begin in range(0, len(content), part):
            with pytest.raises(AssertionError):
                eventually(lambda: service.model("slow").get("state") == "ready", within=0.1)
            file.write(content[begin : begin + part])


@pytest.mark.parametrize("place", ["slow.onnx", "slow/1/model.onnx"])
def test_a_file_copied_in_slowly_is_served_once_it_is_whole(
    make_service: Callable[..., Service], place: str
) -> None:
    service = make_service().start()
    content = penguins()
    _copy_slowly(service, service.models / place, content)
    shown = service.wait_for("slow", state="ready")
    assert shown["quarantined"] == []
    assert answers(service, "slow")


def test_a_file_copied_in_with_a_long_pause_is_served_in_the_end(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    content = penguins()
    place = service.models / "slow.onnx"
    place.write_bytes(content[:900])
    service.wait_for("slow", state="quarantined")
    with place.open("ab") as file:
        file.write(content[900:])
    service.wait_for("slow", state="ready", quarantined=[])


def test_a_file_overwritten_slowly_leaves_the_old_one_serving(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.put("m.onnx", penguins())
    service.start()
    before = service.model("m")["versions"][0]["digest"]
    place = service.models / "m.onnx"
    content = penguins(seed=3)
    with place.open("wb", buffering=0) as file:
        for begin in range(0, len(content), 300):
            file.write(content[begin : begin + 300])
            assert answers(service, "m")
            with pytest.raises(AssertionError):
                eventually(lambda: not answers(service, "m"), within=0.25)
    eventually(lambda: service.model("m")["versions"][0]["digest"] != before)
    assert answers(service, "m")
