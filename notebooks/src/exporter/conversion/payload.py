"""Large attributes of nodes, such as the millions of numbers of a forest."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import AttributeProto, numpy_helper

Payload = dict[str, Any]
_CHUNK = 1 << 16


def fill(model: Any, payloads: dict[str, Payload]) -> None:
    """Write attributes into nodes of a model, where nothing copies them any more.

    Args:
        model: The model.
        payloads: Arrays by node and attribute, a pair of texts and their indices for an attribute
            of texts; emptied, for they are large.
    """
    for node in model.graph.node:
        waiting = payloads.get(node.name, {})
        for name in list(waiting):
            _write(node.attribute.add(), name, waiting.pop(name))  # frees it


def _write(attribute: Any, name: str, values: Any) -> None:
    attribute.name = name
    if isinstance(values, tuple):
        texts, indices = values
        attribute.type = AttributeProto.STRINGS
        for start in range(0, len(indices), _CHUNK):
            attribute.strings.extend(texts[indices[start : start + _CHUNK]].tolist())
    elif values.dtype == np.float64:
        attribute.name = f"{name}_as_tensor"
        attribute.type = AttributeProto.TENSOR
        attribute.t.CopyFrom(numpy_helper.from_array(values, name))
    elif values.dtype == np.float32:
        attribute.type = AttributeProto.FLOATS
        for start in range(0, len(values), _CHUNK):
            attribute.floats.extend(values[start : start + _CHUNK].tolist())
    else:
        attribute.type = AttributeProto.INTS
        for start in range(0, len(values), _CHUNK):
            attribute.ints.extend(values[start : start + _CHUNK].tolist())
