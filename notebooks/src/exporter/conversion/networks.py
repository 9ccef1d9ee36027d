"""Neural networks that answer with several labels; skl2onnx writes the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from exporter.conversion.graph import fallback
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.registry import predicts
from exporter.conversion.graph.scores import split_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.answer import Answer
    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


@predicts(MLPClassifier)
def predict_network(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write the layers; the last one holds a score for each label."""
    if not str(model._label_binarizer.y_type_).startswith("multilabel"):  # noqa: SLF001 - not public
        return fallback.predict(graph, model, columns)
    values = graph.matrix(columns)
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for place, (weights, intercepts) in enumerate(layers):
        values = graph.op("Gemm", values, dense(weights), dense(intercepts))
        if place < len(layers) - 1 and model.activation in _OPERATORS:
            values = graph.op(_OPERATORS[model.activation], values)
    return split_labels(graph, values, np.zeros(len(model.classes_)), graph.op("Sigmoid", values))
