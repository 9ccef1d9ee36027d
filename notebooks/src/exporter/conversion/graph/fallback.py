"""Estimators that skl2onnx converts, each on its own."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx.inliner import inline_local_functions
from skl2onnx import convert_sklearn
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.base import is_classifier, is_regressor

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.builder import OPSETS
from exporter.conversion.graph.column import Column
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph

_INPUT = "X"
# skl2onnx's conversion answers differently.
_WRONG = frozenset({"KNeighborsTransformer"})
_LINEAR_INSTEAD = "use PCA or TruncatedSVD"
_INSTEAD = {
    "DictionaryLearning": _LINEAR_INSTEAD,
    "Isomap": "use PCA or KernelPCA",
    "KNeighborsTransformer": "use KNeighborsClassifier or KNeighborsRegressor, which can",
    "LatentDirichletAllocation": f"it iterates for each row: {_LINEAR_INSTEAD}",
    "LocallyLinearEmbedding": "use PCA or KernelPCA",
    "MiniBatchDictionaryLearning": _LINEAR_INSTEAD,
    "MiniBatchNMF": f"it iterates for each row: {_LINEAR_INSTEAD}",
    "NMF": f"it iterates for each row: {_LINEAR_INSTEAD}",
    "RadiusNeighborsTransformer": "use RadiusNeighborsClassifier, which can",
    "SparseCoder": _LINEAR_INSTEAD,
}


def transform(graph: Graph, estimator: Any, columns: Sequence[Column]) -> list[Column]:
    """Write a transformer; see :func:`exporter.conversion.graph.registry.transform`."""
    outputs = _embed(graph, estimator, columns, {})
    return [Column(outputs[-1], "real", _width_out(estimator, columns))]


def predict(graph: Graph, estimator: Any, columns: Sequence[Column]) -> Answer:
    """Write a predictor; see :func:`exporter.conversion.graph.registry.predict`."""
    if is_regressor(estimator):
        (value,) = _embed(graph, estimator, columns, {})
        return Answer(value=graph.op("Reshape", value, np.array([0, -1])))
    name = type(estimator).__name__
    if not is_classifier(estimator):
        raise ConversionError(
            f"{name} cannot be written as ONNX: exporter.supported_estimators() lists what can be "
            "converted"
        )
    if isinstance(estimator.classes_, list):
        raise ConversionError(
            f"{name} with several labels cannot be written as ONNX: use "
            f"MultiOutputClassifier({name}(...))"
        )
    numbered = copy.copy(estimator)  # the label is the class's number
    numbered.classes_ = np.arange(len(estimator.classes_))
    index, *rest = _embed(graph, numbered, columns, {"zipmap": False, "nocl": False})

    def add_scores() -> str:
        options = {"zipmap": False, "raw_scores": True}
        return _embed(graph, numbered, columns, options, required="raw_scores")[1]

    return Answer(
        index=graph.op("Reshape", index, np.array([-1])),
        probabilities=rest[0] if rest and hasattr(estimator, "predict_proba") else None,
        scores=add_scores,
    )


def _embed(
    graph: Graph,
    estimator: Any,
    columns: Sequence[Column],
    options: dict[str, Any],
    required: str | None = None,
) -> list[str]:
    width = sum(column.width for column in columns)
    alias = sklearn_operator_name_map.get(type(estimator))
    name = type(estimator).__name__
    if alias is None or name in _WRONG:
        instead = _INSTEAD.get(name, "exporter.supported_estimators() lists what can be converted")
        raise ConversionError(f"{name} cannot be written as ONNX: {instead}")
    allowed = get_converter(alias).get_allowed_options() or {}
    if required and required not in allowed:
        raise ConversionError(
            f"the decision_function of {name} cannot be written as ONNX: use another estimator, "
            "or one with predict_proba"
        )
    kept = {k: v for k, v in options.items() if k in allowed}
    floating = FloatTensorType if graph.real == "float32" else DoubleTensorType
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about skl2onnx's own use of scikit-learn
            model = convert_sklearn(
                estimator,
                initial_types=[(_INPUT, floating([None, width]))],
                target_opset=OPSETS,
                options={id(estimator): kept} if kept else None,
            )
    except Exception as error:  # its converters may raise any exception
        raise ConversionError(
            f"{name} cannot be written as ONNX ({_first_line(error)}): use another estimator"
        ) from error
    if model.functions:
        model = inline_local_functions(model)
    return graph.embed(model, {_INPUT: graph.matrix(columns)})


def _width_out(estimator: Any, columns: Sequence[Column]) -> int:
    try:
        return len(estimator.get_feature_names_out())
    except (AttributeError, ValueError):
        return sum(column.width for column in columns)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300].rstrip(" .,") if lines else type(error).__name__
