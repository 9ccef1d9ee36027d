"""Where a classifier's outputs come from in its graph: the operators before them, their classes.

:mod:`inference.model.graph.onnx_file` declares few fields. This module reads other fields
of single attributes and tensors, from the bytes that protobuf keeps of unknown fields.

Source: onnx/onnx.proto (IR version 13), https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.model.graph.onnx_file import declare

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS: dict[str, dict[str, tuple[int, str, bool]]] = {
    "Attribute": {
        "name": (1, "bytes", False),
        "s": (4, "bytes", False),
        "ints": (8, "int64", True),
        "strings": (9, "bytes", True),
    },
    "Tensor": {
        "data_type": (2, "int32", False),
        "int32_data": (5, "int32", True),
        "string_data": (6, "bytes", True),
        "int64_data": (7, "int64", True),
        "raw_data": (9, "bytes", False),
    },
}
_CLASSES = declare("rookery_lineage", _FIELDS)
_INT32, _INT64, _STRING = 6, 7, 8  # TensorProto.DataType
_LABELS = (b"classlabels_strings", b"classlabels_int64s", b"classlabels_ints")
_CLASSIFIERS = (b"LinearClassifier", b"SVMClassifier", b"TreeEnsembleClassifier")
_DECIDING = (*_CLASSIFIERS, b"ArgMax", b"TopK")
_PASSING = (b"Identity", b"Cast", b"Reshape", b"Squeeze", b"Unsqueeze", b"Flatten", b"ZipMap")
_PICKING = (b"ArrayFeatureExtractor", b"Gather", b"GatherElements")
_MOST_NODES = 10_000


class Lineage:
    """The operators before the outputs of one graph.

    Args:
        graph: As :func:`inference.model.graph.onnx_file.parse` gives it.
    """

    def __init__(self, graph: Any) -> None:
        self._makers = {output: node for node in graph.node for output in node.output}
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}

    def class_names(self, label: str, table: str, width: int) -> list[str | int] | None:
        """Find the classes' names, in the order of the table's columns.

        Args:
            label: The output with the labels.
            table: The output with a number for each class.
            width: How many numbers there are in a row.

        Returns:
            The names that stand nearest to the outputs, where they are as many and differ.
        """
        for output in (label, table):
            for node in self._before(output):
                names = self._names(node)
                if len(names) == width and len(set(map(str, names))) == width:
                    return names
        return None

    def is_classifier(self, label: str, table: str) -> bool:
        """Whether a graph decides for a class, and its table is no linear classifier's margin.

        Whether the numbers are a distribution is for others to try.
        """
        decides = any(node.op_type in _DECIDING for node in self._before(label))
        maker = self._makers.get(table.encode())
        while maker is not None and maker.op_type in _PASSING and maker.input:
            maker = self._makers.get(maker.input[0])
        is_margin = (
            maker is not None
            and maker.op_type == b"LinearClassifier"
            and _text(maker, b"post_transform") in (b"", b"NONE")
        )
        return decides and not is_margin

    def _before(self, output: str) -> Iterator[Any]:
        """Walk from an output backwards, the nearest operators first."""
        waiting = deque([output.encode()])
        seen: set[int] = set()
        while waiting and len(seen) < _MOST_NODES:
            node = self._makers.get(waiting.popleft())
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            yield node
            waiting.extend(node.input)

    def _names(self, node: Any) -> list[str | int]:
        """Return the names of classes that an operator holds, if any."""
        if node.op_type in _PICKING and node.input:
            return self._values(node.input[0])
        if node.op_type == b"LabelEncoder":
            keys, values = _list(node, b"keys_int64s"), _list(node, b"values_strings")
            values = values or _list(node, b"values_int64s")
            return values if keys == list(range(len(values))) else []
        return next(filter(None, (_list(node, name) for name in _LABELS)), [])

    def _values(self, name: bytes) -> list[str | int]:
        """Return the texts or integers of a tensor in the file."""
        known = self._tensors.get(name)
        if known is None:
            return []
        tensor: Any = _CLASSES["Tensor"]()
        tensor.ParseFromString(known.SerializeToString())
        if tensor.data_type == _STRING:
            return [text.decode("utf-8", "replace") for text in tensor.string_data]
        if tensor.data_type not in (_INT32, _INT64):
            return []
        kind = "<i4" if tensor.data_type == _INT32 else "<i8"
        given = tensor.int32_data if tensor.data_type == _INT32 else tensor.int64_data
        raw = tensor.raw_data
        if raw and len(raw) % np.dtype(kind).itemsize:
            return []
        return [int(value) for value in np.frombuffer(raw, kind)] if raw else list(given)


def _attribute(node: Any, name: bytes) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            read: Any = _CLASSES["Attribute"]()
            read.ParseFromString(attribute.SerializeToString())
            return read
    return None


def _text(node: Any, name: bytes) -> bytes:
    found = _attribute(node, name)
    return b"" if found is None else bytes(found.s)


def _list(node: Any, name: bytes) -> list[str | int]:
    found = _attribute(node, name)
    if found is None:
        return []
    if found.strings:
        return [text.decode("utf-8", "replace") for text in found.strings]
    return list(found.ints)
