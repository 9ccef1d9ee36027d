"""What was dropped in place of a model is named, with what to do about it."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from inference.admission.examiner import examine_here
from inference.admission.files.file_format import HEAD_BYTES, recognize
from inference.admission.files.truncation import find_faults
from inference.repository.folder.scan import fingerprint
from support.models.artifacts import images, mixed, penguins, regressor
from support.project import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % (b"ab" * 32)
TENSORS = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
PROTO = 'ir_version: 8\ngraph {\n  node {\n    op_type: "Identity"\n  }\n}\n'


def archive(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name in names:
            file.writestr(name, b"x")
    return written.getvalue()


FILES = {
    "lfs": (LFS, "a Git LFS pointer: run 'git lfs pull'"),
    "gzip": (gzip.compress(penguins()), "compressed with gzip: uncompress it"),
    "xz": (lzma.compress(penguins()), "compressed with xz: uncompress it"),
    "html": (b"<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page"),
    "html, bare": (b"\n\n  <title>Sign in</title>", "an HTML page"),
    "html, marked": (b"\xef\xbb\xbf<html lang='en'>", "an HTML page"),
    "html, UTF-16": ("<html></html>".encode("utf-16"), "an HTML page"),
    "html, commented": (b"<!-- " + b"x" * 1000 + b" --><html>", "an HTML page"),
    "xml": (b"<?xml version='1.0'?><PMML/>", "an XML document"),
    "text proto": (PROTO.encode(), "protobuf's text format"),
    "text proto, commented": (b"# made by hand\n\n" + PROTO.encode(), "protobuf's text format"),
    "text syntax": (
        b"<\n  ir_version: 10\n>\ng (float x) => (float y) {}",
        "an ONNX model as text",
    ),
    "safetensors": (len(TENSORS).to_bytes(8, "little") + TENSORS + b"\0" * 4, "a safetensors file"),
    "safetensors, cut": (b"\x40\x1f\0\0\0\0\0\0{", "a safetensors file"),
    **{
        f"pickle {protocol}": (pickle.dumps({"model": [1.5]}, protocol), "a pickle: publish")
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "pickle 0 of a class": (pickle.dumps(io.BytesIO, 0), "a pickle: publish"),
    "joblib": (zlib.compress(pickle.dumps([1])), "compressed with zlib, as joblib does"),
    "PyTorch": (archive("archive/data.pkl", "archive/version"), "a PyTorch file"),
    "Keras": (archive("metadata.json", "config.json"), "a ZIP archive, such as Keras"),
    "zip": (archive("model.onnx"), "a ZIP archive: extract the .onnx file"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 88, "an HDF5 file"),
    "JSON": (b'{"learner": {}}', "a JSON document"),
    "TFLite": (b"\x20\0\0\0TFL3" + b"\0" * 40, "a TensorFlow Lite model"),
    "ORT": (b"\x20\0\0\0ORTM" + b"\0" * 40, "onnxruntime's own ORT format"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_another_kind_is_named_by_screening_and_by_examination(
    kind: str, tmp_path: Path
) -> None:
    content, expected = FILES[kind]
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    found = fingerprint(path)
    assert found is not None
    [screened] = find_faults([(path, found)])
    examined = examine_here(content).reason
    for reason in (screened, examined):
        assert reason.startswith("the file is not an ONNX model, it is ")
        assert expected in reason


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.touch()
    found = fingerprint(path)
    assert found is not None
    assert find_faults([(path, found)]) == ["the file is empty"]
    assert examine_here(b"").reason == "the file is empty"


@pytest.mark.parametrize(
    "content", [b"hello", b"(a remark)", b"copy me\nplease\n", b"", b"\0" * 600, b"x", b"\x80"]
)
def test_nothing_is_guessed_of_the_rest(content: bytes) -> None:
    assert recognize(content) == ""


@pytest.mark.parametrize(
    "content",
    [
        penguins(),
        images(),
        mixed(),
        regressor(),
        *(p.read_bytes() for p in FIXTURES.glob("*.onnx")),
    ],
)
def test_a_model_is_no_other_kind(content: bytes) -> None:
    assert recognize(content[:HEAD_BYTES]) == ""
