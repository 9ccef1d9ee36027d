"""Signatures of small models, and inference requests in JSON for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inference.model.signature import Signature, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Sequence


def spec(name: str, element: str, *shape: int) -> TensorSpec:
    return TensorSpec.from_onnx(name, f"tensor({element})", list(shape))


def x_to_y(element: str, *shape: int) -> Signature:
    """Make the signature of a model whose output ``y`` is like its input ``x``."""
    return Signature((spec("x", element, *shape),), (spec("y", element, *shape),))


def request_of_x(data: Any, shape: Sequence[int], datatype: str, **more: Any) -> bytes:
    tensor = {"name": "x", "shape": list(shape), "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor]} | more).encode()
