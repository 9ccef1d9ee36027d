"""An example of an inference request that you can execute unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.serving.tensors.query import tensor_outputs

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec

_LONGEST_BYTES = 16 * 1024  # more is unreadable on a page
_MOST_VALUES = 2048


def example_request(servable: Servable) -> dict[str, Any] | None:
    """Return a request of one row: a golden sample, or the features' examples, or zeros.

    Returns:
        ``None`` if it would be too long to show, or an input or output has no form in JSON.
    """
    specs, signature = servable.signature.inputs, servable.signature
    outputs = map(signature.output, tensor_outputs(signature))
    if not all(spec is not None and spec.has_json_form for spec in (*specs, *outputs)):
        return None
    feeds = _row(servable) or {spec.name: _zeros(spec) for spec in specs}
    if any(feeds.get(spec.name) is None for spec in specs):
        return None
    inputs = [
        {
            "name": spec.name,
            "shape": list(feeds[spec.name].shape),
            "datatype": spec.datatype,
            "data": feeds[spec.name].ravel().tolist(),
        }
        for spec in specs
    ]
    request = {"inputs": inputs}
    return request if len(msgspec.json.encode(request)) <= _LONGEST_BYTES else None


def _row(servable: Servable) -> dict[str, Any] | None:
    if not servable.features or len(servable.features) > _MOST_VALUES:
        return None
    row = [feature.example for feature in servable.features]
    samples = servable.contract.samples if servable.contract else []
    # JSON has no NaN, which stands for a missing number.
    row = next((sample.row for sample in samples if None not in sample.row), row)
    try:
        return servable.to_feeds([row])
    except (ValueError, TypeError, OverflowError):
        return None


def _zeros(spec: TensorSpec) -> np.ndarray[Any, Any] | None:
    shape = [1 if size < 0 else size for size in spec.shape]
    if spec.dtype is None or np.prod(shape, dtype=np.float64) > _MOST_VALUES:
        return None
    return np.full(shape, "" if spec.dtype == np.object_ else 0, dtype=spec.dtype)
