"""Files that cannot be models, judged by their outline alone."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from inference.admission.files.truncation import find_faults
from inference.errors import ArtifactError
from inference.model.graph.onnx_file import read_metadata
from inference.repository.folder.scan import fingerprint
from support.amount import amount
from support.models.artifacts import images, message, mixed, penguins, regressor
from support.project import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

MODELS = [penguins(), images(), mixed(), regressor()]
NO_MODEL = "the file is not an ONNX model, or it is truncated"


def fault(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    print_ = fingerprint(path)
    assert print_ is not None
    [found] = find_faults([(path, print_)])
    return found


@pytest.mark.parametrize("content", [*MODELS, *(p.read_bytes() for p in FIXTURES.glob("*.onnx"))])
def test_a_model_has_no_fault(tmp_path: Path, content: bytes) -> None:
    assert fault(tmp_path / "m.onnx", content) == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"this is a text", NO_MODEL),
        (b"\x00" * 100, NO_MODEL),
        (b"\xff" * 100, NO_MODEL),
        (penguins()[:-1], NO_MODEL),
        (penguins() + b"\x80", NO_MODEL),
        (message((1, 8)), "the file is not an ONNX model: it has no graph"),
        (message((7, b"")), "the file is not an ONNX model: it has no graph"),
        (message((1, 8), (7, b"")), ""),
        (message((1, 8), (7, b""), *((20, b"") for _ in range(997))), ""),
        (message((1, 8), *((20, b"") for _ in range(999))), ""),
    ],
)
def test_what_cannot_be_a_model_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    assert fault(tmp_path / "m.onnx", content) == reason


def test_nothing_is_refused_that_an_examination_would_read(tmp_path: Path) -> None:
    chance = random.Random(8)
    path = tmp_path / "m.onnx"
    refused = 0
    for number in range(amount("OUTLINES", 300)):
        content = bytearray(MODELS[number % len(MODELS)])
        for _ in range(chance.randint(0, 3)):
            content[chance.randrange(min(40, len(content)))] = chance.randrange(256)
        content = content[: chance.choice([len(content), chance.randrange(len(content))])]
        if fault(path, bytes(content)):
            refused += 1
            with pytest.raises(ArtifactError):
                read_metadata(bytes(content))
    assert refused


def test_what_has_changed_or_is_no_file_is_left_to_others(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"a text")
    before = fingerprint(path)
    assert before is not None
    path.write_bytes(b"another text")
    assert (
        find_faults([(path, before), (tmp_path / "gone", before), (tmp_path, before)]) == [""] * 3
    )
