"""From a fitted model to an ONNX model, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from exporter.conversion import (  # noqa: F401 - each registers what it writes
    boosters,
    encoders,
    libraries,
    linear,
    networks,
)
from exporter.conversion.distances import (  # noqa: F401 - likewise
    centroids,
    clusters,
    gaussian,
    kernels,
    nearest,
    outliers,
    radius,
)
from exporter.conversion.graph.answer import Final
from exporter.conversion.graph.builder import Graph, Output
from exporter.conversion.graph.registry import predict, transform
from exporter.conversion.imputers import iterative, simple  # noqa: F401 - likewise
from exporter.conversion.imputers import nearest as nearest_donors  # noqa: F401 - likewise
from exporter.conversion.meta_estimators import (  # noqa: F401 - likewise
    labels,
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
    isolation,
)
from exporter.data.answers.kinds import last_step
from exporter.data.inner_estimators import estimators_within
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.answer import Answer
    from exporter.conversion.graph.column import Column, Real
    from exporter.data.answers.kinds import Classes
    from exporter.data.estimator import FittedEstimator


def compose(
    original: FittedEstimator, inputs: Sequence[Column], real: Real, *, narrow: bool = True
) -> tuple[Any, dict[str, bytes]]:
    """Write a model into one graph.

    Args:
        original: The fitted model.
        inputs: Its columns in order, by the names of the inputs to be.
        real: What a real number is.
        narrow: Whether probabilities may be float32 although reals are doubles.

    Returns:
        An ONNX model with the outputs in the order of
        :class:`exporter.conversion.outputs.OutputNames`; and the large attributes that it lacks,
        see :func:`exporter.conversion.graph.payload.serialize`.

    Raises:
        ConversionError: A part of it cannot be written.
    """
    _register_libraries(original.model)
    final = _find_final(original) if narrow or real == "float32" else None
    graph = Graph(inputs, real, final=final)
    outputs = _write(graph, original, inputs)
    if graph.mixes_opsets:
        graph = Graph(inputs, real, one_opset=True, final=final)
        outputs = _write(graph, original, inputs)
    return graph.build(outputs), graph.payloads


def _find_final(original: FittedEstimator) -> Final | None:
    """Return the classifier whose answer is the file's."""
    if original.task != "classification" or original.classes is None:
        return None
    return Final(last_step(original.model), original.labels[0].codes)


def _write(graph: Graph, original: FittedEstimator, inputs: Sequence[Column]) -> list[Output]:
    """Write the model, and return its outputs."""
    model, real = original.model, graph.real_type
    graph.given = original.given
    if original.task == "transformation":
        columns = transform(graph, model, inputs)
        width = sum(column.width for column in columns)
        return [Output("vector", graph.matrix(columns), real, (None, width))]
    answer = predict(graph, model, inputs)
    if not original.labels:
        return [Output("value", answer.need_value(), real)]
    answers = answer.targets if original.has_several_labels else [answer]
    if len(answers) != len(original.labels):
        name = type(last_step(model)).__name__
        raise ConversionError(
            f"{name} with several labels cannot be written as ONNX: use "
            f"MultiOutputClassifier({name}(...))"
        )
    ends = [f"_{i}" for i in range(len(answers))] if original.has_several_labels else [""]
    parts = list(zip(answers, original.labels, ends, strict=True))
    outputs = [_label(graph, each, classes, end) for each, classes, end in parts]
    if original.has_probabilities:
        outputs += [
            Output(
                f"probabilities{end}",
                each.need_probabilities(),
                real if each.label is None else TensorProto.FLOAT,
                (None, len(known.labels)),
            )
            for each, known, end in parts
        ]
    if original.task == "outlier_detection":
        outputs.append(Output("score", answer.need_scores(), real, (None, 1)))
    elif original.has_scores:
        count = len(original.labels[0].labels)
        outputs.append(Output("distances", answer.need_scores(), real, (None, count)))
    return outputs


def _label(graph: Graph, answer: Answer, classes: Classes, end: str) -> Output:
    texts = isinstance(classes.codes[0], str)
    known = np.array(classes.codes, dtype=object if texts else np.int64)
    kind = TensorProto.STRING if texts else TensorProto.INT64
    if answer.label is not None:
        return Output(f"label{end}", answer.label, kind, (None,))
    index = answer.need_index()
    are_indices = not texts and np.array_equal(known, np.arange(len(known)))
    name = index if are_indices else graph.op("Gather", known, index)
    return Output(f"label{end}", name, kind, (None,))


def compose_choices(
    original: FittedEstimator, inputs: Sequence[Column], real: Real
) -> tuple[Any, dict[str, bytes], list[Any]]:
    """Write which neighbors a model chooses; see :func:`compose`.

    Returns:
        An ONNX model with one output for each choice, ``int64`` of shape ``[rows, neighbors]``,
        the large attributes that it lacks, and the estimators that choose, in that order.
    """
    _register_libraries(original.model)
    graph = Graph(inputs, real, one_opset=True)
    _write(graph, original, inputs)
    outputs = [
        Output(f"chosen{place}", name, TensorProto.INT64)
        for place, (_, name) in enumerate(graph.choices)
    ]
    return graph.build(outputs), graph.payloads, [estimator for estimator, _ in graph.choices]


def _register_libraries(model: Any) -> None:
    for part in estimators_within(model):
        boosters.register(part)
        libraries.register(part)
