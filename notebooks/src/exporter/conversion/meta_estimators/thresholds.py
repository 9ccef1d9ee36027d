"""Calibration, and thresholds of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predict, predicts
from exporter.conversion.graph.scores import largest, normalized, two_sided
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

_INT64 = 7


@predicts(CalibratedClassifierCV)
def predict_calibrated(
    graph: Graph, model: CalibratedClassifierCV, columns: Sequence[Column]
) -> Answer:
    """Average the calibrated probabilities of each fold's classifier."""
    total = ""
    for part in model.calibrated_classifiers_:
        answer = predict(graph, part.estimator, columns)
        shares = _calibrate(graph, part, answer)
        total = graph.op("Add", total, shares) if total else shares
    mean = graph.op("Div", total, float(len(model.calibrated_classifiers_)))
    return Answer(largest(graph, mean), mean)


@predicts(IsotonicRegression)
def predict_isotonic(graph: Graph, model: IsotonicRegression, columns: Sequence[Column]) -> Answer:
    """Interpolate between the thresholds."""
    return Answer(value=_interpolate(graph, model, graph.matrix(columns)))


@predicts(FixedThresholdClassifier, TunedThresholdClassifierCV)
def predict_threshold(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Compare the score of the positive class with the threshold."""
    tuned = isinstance(model, TunedThresholdClassifierCV)
    inner = getattr(model, "estimator_", model.estimator)
    answer = predict(graph, inner, columns)
    positive, method = _positive(model, tuned=tuned), _method(model, inner)
    if method == "predict_proba":
        score = graph.gather(answer.need_probabilities(), [positive])
    else:
        score = answer.need_scores()
        score = score if positive == 1 else graph.op("Neg", score)
    if tuned:
        threshold = float(model.best_threshold_)
    elif model.threshold == "auto":
        threshold = 0.5 if method == "predict_proba" else 0.0
    else:
        threshold = float(model.threshold)
    reached = graph.op("Cast", graph.op("GreaterOrEqual", score, threshold), to=_INT64)
    index = graph.op("Gather", np.array([1 - positive, positive]), reached)
    proba = answer.probabilities if hasattr(model, "predict_proba") else None
    scores = answer.scores if hasattr(model, "decision_function") else None
    return Answer(graph.op("Reshape", index, np.array([-1])), proba, scores)


def _positive(model: Any, *, tuned: bool) -> int:
    label = model._curve_scorer._get_pos_label() if tuned else model.pos_label  # noqa: SLF001
    return 1 if label is None else int(np.flatnonzero(np.asarray(model.classes_) == label)[0])


def _method(model: Any, inner: Any) -> str:
    wanted = model._get_response_method()  # noqa: SLF001 - "auto" is resolved only there
    methods = [wanted] if isinstance(wanted, str) else wanted
    return next(m for m in methods if hasattr(inner, m))


def _calibrate(graph: Graph, part: Any, answer: Answer) -> str:
    scored = hasattr(part.estimator, "decision_function")
    raw = answer.need_scores() if scored else answer.need_probabilities()
    count = len(part.classes)
    if part.method == "temperature":
        return _heat(graph, part.calibrators[0], raw, logits=scored, binary=count == 2)
    if count == 2:
        single = raw if scored else graph.gather(raw, [1])
        return two_sided(graph, _calibrator(graph, part.calibrators[0], single))
    known = np.searchsorted(part.classes, part.estimator.classes_)
    each = [
        _calibrator(graph, calibrator, graph.gather(raw, [place]))
        for place, calibrator in enumerate(part.calibrators)
    ]
    shares = graph.concat(each)
    if len(known) < count:
        shares = graph.op("MatMul", shares, np.eye(count)[known])
    return normalized(graph, shares)


def _calibrator(graph: Graph, calibrator: Any, score: str) -> str:
    if isinstance(calibrator, IsotonicRegression):
        return _interpolate(graph, calibrator, score)
    line = graph.op("Add", graph.op("Mul", score, float(calibrator.a_)), float(calibrator.b_))
    return graph.op("Sigmoid", graph.op("Neg", line))


def _heat(graph: Graph, calibrator: Any, raw: str, *, logits: bool, binary: bool) -> str:
    if not logits:
        raw = graph.op("Log", graph.op("Add", raw, 1e-12))
    elif binary:
        raw = graph.op("Concat", graph.op("Neg", raw), raw, axis=1)
    return graph.op("Softmax", graph.op("Mul", raw, float(calibrator.beta_)), axis=1)


def _interpolate(graph: Graph, model: IsotonicRegression, values: str) -> str:
    x = np.asarray(model.X_thresholds_, dtype=np.float64)
    y = np.asarray(model.y_thresholds_, dtype=np.float64)
    if model.out_of_bounds != "clip":
        raise ConversionError(
            "IsotonicRegression answers NaN outside its range or fails: use out_of_bounds='clip'"
        )
    if len(x) == 1:
        return graph.op("Add", graph.op("Mul", values, 0.0), float(y[0]))
    if len(np.unique(x.astype(graph.dtype))) < len(x):
        raise ConversionError(f"thresholds of a calibration coincide in {graph.real}")
    clipped = graph.op("Min", graph.op("Max", values, float(x[0])), float(x[-1]))
    above = graph.op("Greater", clipped, x[None, 1:-1])
    if len(x) > 2:
        count = graph.total(graph.op("Cast", above, to=_INT64))
    else:
        count = graph.op("Cast", graph.op("Mul", clipped, 0.0), to=_INT64)
    start, base = graph.op("Gather", x[:-1], count), graph.op("Gather", y[:-1], count)
    slope = graph.op("Gather", np.diff(y) / np.diff(x), count)
    return graph.op("Add", graph.op("Mul", slope, graph.op("Sub", clipped, start)), base)
