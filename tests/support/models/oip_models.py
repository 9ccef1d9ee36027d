"""Artifacts and services for the tests of the Open Inference Protocol."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from support.models import artifacts as a

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from support.service.process import Service

# datatype: (ONNX's number, its NumPy type, two rows of three)
ELEMENTS: dict[str, tuple[int, str]] = {
    "FP32": (1, "f4"),
    "UINT8": (2, "u1"),
    "INT8": (3, "i1"),
    "UINT16": (4, "u2"),
    "INT16": (5, "i2"),
    "INT32": (6, "i4"),
    "INT64": (7, "i8"),
    "BYTES": (8, "O"),
    "BOOL": (9, "?"),
    "FP16": (10, "f2"),
    "FP64": (11, "f8"),
    "UINT32": (12, "u4"),
    "UINT64": (13, "u8"),
}


def identity(datatype: str) -> bytes:
    """Make a model that gives its only input back, two dimensions, both variable."""
    number = ELEMENTS[datatype][0]
    encoded = a.graph(
        [a.node("Identity", ["x"], ["y"])],
        [a.value("x", number, "n", "m")],
        [a.value("y", number, "n", "m")],
    )
    return a.model(encoded)


def several() -> bytes:
    """Make a model with inputs of rank 0, 1 and 3 and of three types, each given back."""
    kinds: dict[str, tuple[Any, ...]] = {
        "scalar": (a.INT64,),
        "words": (a.STRING, "n"),
        "cube": (a.FLOAT, 2, "k", 3),
    }
    encoded = a.graph(
        [a.node("Identity", [name], [f"{name}_out"]) for name in kinds],
        [a.value(name, *rest) for name, rest in kinds.items()],
        [a.value(f"{name}_out", *rest) for name, rest in kinds.items()],
    )
    return a.model(encoded)


def fill(service: Service) -> Service:
    """Place every kind of model that these tests ask."""
    for datatype in ELEMENTS:
        service.put(f"id-{datatype.lower()}/1/model.onnx", identity(datatype))
    service.put("penguins/1/model.onnx", a.penguins(1))
    service.put("penguins/2/model.onnx", a.penguins(2))
    service.put("several.onnx", several())
    service.put("zipmap.onnx", a.model(a.classifier_graph(a.SPECIES, zipmap=True)))
    service.put("bad.onnx", b"this is no model")
    return service


def sample(datatype: str, rows: int = 2) -> np.ndarray[Any, Any]:
    """Make ``rows`` rows of three values, extremes among them."""
    kind = np.dtype(ELEMENTS[datatype][1])
    if kind == np.object_:
        values: Any = ["", "a\x00b", "日本"]
    elif kind.kind == "b":
        values = [True, False, True]
    elif kind.kind == "f":
        values = [np.finfo(kind).min, np.finfo(kind).tiny, -0.0]
    else:
        values = [np.iinfo(kind).min, np.iinfo(kind).max, 1]
    return np.array([values] * rows, dtype=kind)


def tensor(name: str, datatype: str, array: Any, **more: Any) -> dict[str, Any]:
    """Describe an input with its values as a flat JSON list."""
    array = np.asarray(array)
    data = array.reshape(-1).tolist()
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": data} | more


def pack(document: dict[str, Any], buffers: Sequence[bytes]) -> tuple[bytes, dict[str, str]]:
    """Spell a request with binary data behind its JSON, and its headers."""
    text = json.dumps(document).encode()
    return b"".join([text, *buffers]), {"Inference-Header-Content-Length": str(len(text))}


def unpack(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Split a response with binary data: its JSON, and the buffer of each binary output."""
    assert answer.headers["content-type"] == "application/octet-stream"
    end = int(answer.headers["inference-header-content-length"])
    document = json.loads(answer.content[:end])
    buffers: dict[str, bytes] = {}
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is not None:
            buffers[output["name"]] = answer.content[end : end + size]
            end += size
    assert end == len(answer.content)
    return document, buffers
