"""The tensors a model takes and gives: names, element types and shapes.

One table holds what each element type is called by ONNX, by NumPy and by the Open Inference
Protocol.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np

# ONNX's spelling -> (NumPy's type, the Open Inference Protocol's datatype)
_ELEMENTS: dict[str, tuple[type[Any], str]] = {
    "bool": (np.bool_, "BOOL"),
    "uint8": (np.uint8, "UINT8"),
    "uint16": (np.uint16, "UINT16"),
    "uint32": (np.uint32, "UINT32"),
    "uint64": (np.uint64, "UINT64"),
    "int8": (np.int8, "INT8"),
    "int16": (np.int16, "INT16"),
    "int32": (np.int32, "INT32"),
    "int64": (np.int64, "INT64"),
    "float16": (np.float16, "FP16"),
    "float": (np.float32, "FP32"),
    "double": (np.float64, "FP64"),
    "string": (np.object_, "BYTES"),
}
# The element types within a tensor, a sequence, a map or an optional value.
_ELEMENT = re.compile(r"tensor\((\w+)\)")


class TensorSpec(msgspec.Struct, frozen=True):
    """One input or output.

    Attributes:
        name: The name in the graph.
        onnx_type: As onnxruntime spells it, such as ``tensor(float)``.
        dtype: NumPy's type of an element; ``None`` for what is no tensor of a known type (ZipMap's
            sequence of maps, say).
        datatype: The Open Inference Protocol's name of it, ``None`` likewise.
        shape: Dimensions; -1 for a variable one.
    """

    name: str
    onnx_type: str
    dtype: np.dtype[Any] | None
    datatype: str | None
    shape: tuple[int, ...]

    @classmethod
    def from_onnx(cls, name: str, onnx_type: str, shape: list[Any] | None) -> TensorSpec:
        """Describe a tensor from what onnxruntime says of it."""
        element = onnx_type.removeprefix("tensor(").removesuffix(")")
        known = _ELEMENTS.get(element) if onnx_type.startswith("tensor(") else None
        dims = tuple(d if isinstance(d, int) and d >= 0 else -1 for d in shape or [])
        if known is None:
            return cls(name, onnx_type, None, None, dims)
        return cls(name, onnx_type, np.dtype(known[0]), known[1], dims)

    @property
    def has_json_form(self) -> bool:
        """Whether the Open Inference Protocol can carry it in JSON; FP16 is binary only."""
        return self.datatype not in (None, "FP16")

    @property
    def has_known_elements(self) -> bool:
        """Whether onnxruntime gives the values out, and they are the numbers that they stand for.

        It does not for bfloat16 and for less than a byte, and gives other bytes for float8.
        """
        return set(_ELEMENT.findall(self.onnx_type)) <= _ELEMENTS.keys()


class Signature(msgspec.Struct, frozen=True):
    """All inputs and outputs, in the graph's order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def costs_by_rows(self) -> bool:
        """Whether a run's cost follows from the row count: nothing else about the inputs varies."""
        return all(spec.shape and -1 not in spec.shape[1:] for spec in self.inputs)

    @property
    def takes_one_row(self) -> bool:
        """Whether the graph was made for one row at a time."""
        return any(spec.shape[:1] == (1,) for spec in self.inputs)

    @property
    def has_variable_rows(self) -> bool:
        """Whether any dimension of an input varies, so that runs of other sizes can be tried."""
        return any(-1 in spec.shape for spec in self.inputs)

    def input(self, name: str) -> TensorSpec | None:
        """Find an input by name."""
        return _find(self.inputs, name)

    def output(self, name: str) -> TensorSpec | None:
        """Find an output by name."""
        return _find(self.outputs, name)


def element_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and the largest finite number of a type, which is no bool or string."""
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        return float(limits.min), float(limits.max)
    whole = np.iinfo(dtype)
    return int(whole.min), int(whole.max)


def _find(specs: tuple[TensorSpec, ...], name: str) -> TensorSpec | None:
    for spec in specs:
        if spec.name == name:
            return spec
    return None
