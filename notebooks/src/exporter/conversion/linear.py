"""Linear models: a product, an intercept, and a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import linear_model as linear
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.decomposition import FastICA
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.svm import LinearSVC, LinearSVR

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predicts, transforms
from exporter.conversion.graph.scores import largest, normalized, split_labels, two_sided
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


@predicts(
    linear.ARDRegression,
    linear.BayesianRidge,
    linear.ElasticNet,
    linear.ElasticNetCV,
    linear.HuberRegressor,
    linear.Lars,
    linear.LarsCV,
    linear.Lasso,
    linear.LassoCV,
    linear.LassoLars,
    linear.LassoLarsCV,
    linear.LassoLarsIC,
    linear.LinearRegression,
    linear.MultiTaskElasticNet,
    linear.MultiTaskElasticNetCV,
    linear.MultiTaskLasso,
    linear.MultiTaskLassoCV,
    linear.OrthogonalMatchingPursuit,
    linear.OrthogonalMatchingPursuitCV,
    linear.QuantileRegressor,
    linear.Ridge,
    linear.RidgeCV,
    linear.SGDRegressor,
    linear.TheilSenRegressor,
    LinearSVR,
)
def predict_linear(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a linear regression."""
    return Answer(value=_product(graph, model, columns))


@predicts(linear.GammaRegressor, linear.PoissonRegressor, linear.TweedieRegressor)
def predict_with_link(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a generalized linear model."""
    raw = _product(graph, model, columns)
    link = type(model._base_loss.link).__name__  # noqa: SLF001 - "auto" is resolved only there
    if link not in ("LogLink", "IdentityLink"):
        raise ConversionError(
            f"{type(model).__name__} with a {link} cannot be written as ONNX: use link='log'"
        )
    return Answer(value=graph.op("Exp", raw) if link == "LogLink" else raw)


@predicts(PLSRegression, PLSCanonical, CCA)
def predict_pls(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write partial least squares, which centers its columns first."""
    centered = graph.op("Sub", graph.matrix(columns), model._x_mean)  # noqa: SLF001
    product = graph.op("MatMul", centered, np.asarray(model.coef_, dtype=float).T)
    return Answer(value=graph.op("Add", product, np.asarray(model.intercept_, dtype=float)))


@predicts(linear.LogisticRegression, linear.LogisticRegressionCV, LinearDiscriminantAnalysis)
def predict_logistic(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a logistic regression.

    The logistic function of a score is the softmax of 0 and the score, and fewer steps.
    """
    scores = _product(graph, model, columns)
    if len(model.classes_) > 2:
        return Answer(largest(graph, scores), graph.op("Softmax", scores, axis=1), scores)
    both = _product(graph, model, columns, against=0.0)
    return Answer(largest(graph, both), graph.op("Softmax", both, axis=1), scores)


@predicts(
    LinearSVC,
    linear.PassiveAggressiveClassifier,
    linear.Perceptron,
    linear.RidgeClassifier,
    linear.RidgeClassifierCV,
    linear.SGDClassifier,
)
def predict_linear_classifier(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a linear classifier, which may have probabilities for each class on its own."""
    scores = _product(graph, model, columns)
    if _has_several_labels(model):
        return split_labels(graph, scores, np.zeros(len(model.classes_)))
    binary = len(model.classes_) == 2
    both = _product(graph, model, columns, against=0.0) if binary else scores
    index = largest(graph, both)
    if not hasattr(model, "predict_proba"):
        return Answer(index, None, scores)
    if model.loss == "modified_huber":
        clipped = graph.op("Clip", scores, -1.0, 1.0)
        each = graph.op("Div", graph.op("Add", clipped, 1.0), 2.0)
    else:
        each = graph.op("Sigmoid", scores) if binary else _exact_sigmoid(graph, scores)
    shares = two_sided(graph, each) if binary else normalized(graph, each)
    return Answer(index, shares, scores)


@predicts(QuadraticDiscriminantAnalysis)
def predict_quadratic(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Measure from each class's mean along its own axes."""
    values = graph.matrix(columns)
    each = []
    parts = zip(model.means_, model.rotations_, model.scalings_, model.priors_, strict=True)
    for mean, rotation, scaling, prior in parts:
        axes = (
            np.asarray(rotation, dtype=np.float64) * np.asarray(scaling, dtype=np.float64) ** -0.5
        )
        turned = graph.op("MatMul", graph.op("Sub", values, np.asarray(mean, dtype=float)), axes)
        square = graph.total(graph.op("Mul", turned, turned))
        offset = float(np.log(prior) - np.log(scaling).sum() / 2)
        each.append(graph.op("Add", graph.op("Mul", square, -0.5), offset))
    scores = graph.concat(each)
    answered = graph.op("Sub", each[1], each[0]) if len(each) == 2 else scores
    return Answer(largest(graph, scores), graph.op("Softmax", scores, axis=1), answered)


@transforms(LinearDiscriminantAnalysis, FastICA)
def transform_directions(graph: Graph, model: Any, columns: Sequence[Column]) -> list[Column]:
    """Project on the directions, from the center if the model does."""
    if isinstance(model, FastICA):
        center = model.mean_ if model.whiten else None
        directions = dense(model.components_).T
    else:
        center = model.xbar_ if model.solver == "svd" else None
        directions = dense(model.scalings_)[:, : model._max_components]  # noqa: SLF001
    values = graph.matrix(columns)
    if center is not None:
        values = graph.op("Sub", values, dense(center)[None, :])
    return [Column(graph.op("MatMul", values, directions), "real", directions.shape[1])]


def _has_several_labels(model: Any) -> bool:
    # A ridge classifier that was fitted on an indicator matrix.
    kind = getattr(getattr(model, "_label_binarizer", None), "y_type_", "")
    return str(kind).startswith("multilabel")


def _exact_sigmoid(graph: Graph, scores: str) -> str:
    # onnxruntime's Sigmoid stops at about 1e-8, and normalizing makes such shares large.
    return graph.op("Div", 1.0, graph.op("Add", graph.op("Exp", graph.op("Neg", scores)), 1.0))


def _product(
    graph: Graph, model: Any, columns: Sequence[Column], against: float | None = None
) -> str:
    weights = np.atleast_2d(dense(model.coef_))
    intercept = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), (len(weights),))
    if against is not None:  # a first column that is the same for every row
        weights = np.vstack([np.zeros_like(weights), weights])
        intercept = np.append(against, intercept)
    return graph.op("Gemm", graph.matrix(columns), weights, intercept, transB=1)
