"""From a fitted model to an ONNX model, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from exporter.conversion import boosters, encoders, linear  # noqa: F401 - each registers what it writes
from exporter.conversion.distances import (  # noqa: F401 - likewise
    centroids,
    gaussian,
    kernels,
    nearest,
    radius,
)
from exporter.conversion.graph.builder import Graph
from exporter.conversion.graph.registry import predict
from exporter.conversion.imputers import iterative, simple  # noqa: F401 - likewise
from exporter.conversion.imputers import nearest as nearest_donors  # noqa: F401 - likewise
from exporter.conversion.meta_estimators import (  # noqa: F401 - likewise
    pipelines,
    targets,
    thresholds,
    wrappers,
)
from exporter.conversion.numbers import (  # noqa: F401 - likewise
    powers,
    projections,
    scaling,
    splines,
)
from exporter.conversion.texts import text  # noqa: F401 - likewise
from exporter.conversion.trees import (  # noqa: F401 - likewise
    adaboost,
    boosting,
    forests,
    histograms,
)
from exporter.data.inner_estimators import estimators_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.column import Column, Real


def compose(
    model: Any,
    inputs: Sequence[Column],
    real: Real,
    classes: Sequence[Any] | None,
) -> tuple[Any, dict[str, bytes]]:
    """Write a model into one graph.

    Args:
        model: A fitted classifier or regressor.
        inputs: Its columns in order, by the names of the inputs to be.
        real: What a real number is.
        classes: What the label output holds for each class, strings or whole numbers; ``None`` for
            a regressor.

    Returns:
        An ONNX model with a label and probabilities, or one value; and the large attributes that
        it lacks, see :func:`exporter.conversion.graph.payload.serialize`.

    Raises:
        ConversionError: A part of it cannot be written.
    """
    _register_libraries(model)
    graph = Graph(inputs, real)
    answer = predict(graph, model, inputs)
    if graph.mixes_opsets:
        graph = Graph(inputs, real, one_opset=True)
        answer = predict(graph, model, inputs)
    if classes is None:
        return graph.build([("value", answer.need_value(), graph.real_type)]), graph.payloads
    texts = isinstance(classes[0], str)
    known = np.array(classes, dtype=object if texts else np.int64)
    label = graph.op("Gather", known, answer.need_index())
    outputs = [("label", label, TensorProto.STRING if texts else TensorProto.INT64)]
    if hasattr(model, "predict_proba"):
        outputs.append(("probabilities", answer.need_probabilities(), graph.real_type))
    return graph.build(outputs), graph.payloads


def compose_choices(
    model: Any, inputs: Sequence[Column], real: Real
) -> tuple[Any, dict[str, bytes], list[Any]]:
    """Write which neighbors a model chooses; see :func:`compose`.

    Returns:
        An ONNX model with one output for each choice, ``int64`` of shape ``[rows, neighbors]``,
        the large attributes that it lacks, and the estimators that choose, in that order.
    """
    _register_libraries(model)
    graph = Graph(inputs, real, one_opset=True)
    predict(graph, model, inputs)
    outputs = [
        (f"chosen{place}", name, TensorProto.INT64) for place, (_, name) in enumerate(graph.choices)
    ]
    return graph.build(outputs), graph.payloads, [estimator for estimator, _ in graph.choices]


def _register_libraries(model: Any) -> None:
    for part in estimators_within(model):
        boosters.register(part)
