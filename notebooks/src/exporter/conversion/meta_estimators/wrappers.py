"""Estimators that combine the answers of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    _ConstantPredictor,
)

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predict, predicts, within
from exporter.conversion.graph.scores import above, binary_score, largest, split_labels, two_sided
from exporter.data.boosters import count_columns
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


@predicts(OneVsRestClassifier)
def predict_one_vs_rest(
    graph: Graph, model: OneVsRestClassifier, columns: Sequence[Column]
) -> Answer:
    """Compare the classes' own scores."""
    answers = [predict(graph, e, columns) for e in model.estimators_]
    pairs = list(zip(model.estimators_, answers, strict=True))
    scores = graph.concat([binary_score(graph, e, a) for e, a in pairs])
    if model.multilabel_:
        each = None
        if hasattr(model, "predict_proba"):
            each = graph.concat([graph.gather(a.need_probabilities(), [1]) for a in answers])
        return split_labels(graph, scores, [_threshold(model)] * len(answers), each)
    single = len(answers) == 1
    index = above(graph, scores, _threshold(model)) if single else largest(graph, scores)
    probabilities = None
    if hasattr(model, "predict_proba"):
        each = graph.concat([graph.gather(a.need_probabilities(), [1]) for a in answers])
        total = two_sided(graph, each) if single else each
        sums = graph.total(total)
        safe = graph.op("Where", graph.op("Equal", sums, 0.0), 1.0, sums)
        probabilities = graph.op("Div", total, safe)
    return Answer(index, probabilities, scores if hasattr(model, "decision_function") else None)


@predicts(OneVsOneClassifier)
def predict_one_vs_one(
    graph: Graph, model: OneVsOneClassifier, columns: Sequence[Column]
) -> Answer:
    """Count the votes of each pair of classes; their confidence decides among equals."""
    count = len(model.classes_)
    answers = [predict(graph, e, columns) for e in model.estimators_]
    pairs = list(zip(model.estimators_, answers, strict=True))
    confidences = graph.concat([binary_score(graph, e, a) for e, a in pairs])
    if count == 2:
        return Answer(above(graph, confidences, _threshold(model)), None, confidences)
    votes = graph.concat(
        [graph.op("Reshape", graph.to_real(a.need_index()), np.array([-1, 1])) for a in answers]
    )
    signs = np.zeros((len(answers), count))
    first, second = np.triu_indices(count, 1)
    signs[np.arange(len(answers)), first], signs[np.arange(len(answers)), second] = -1, 1
    # A vote for the second class of a pair is 1, for the first one 0.
    won = graph.op("Add", graph.op("MatMul", votes, signs), (signs == -1).sum(axis=0).astype(float))
    summed = graph.op("MatMul", confidences, signs)
    size = graph.op("Mul", graph.op("Add", graph.op("Abs", summed), 1.0), 3.0)
    scores = graph.op("Add", won, graph.op("Div", summed, size))
    return Answer(largest(graph, scores), None, scores)


@predicts(_ConstantPredictor)
def predict_constant(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Answer a class that all rows had, or none."""
    value = float(model.y_[0])
    scores = _constant(graph, columns, [value])
    shares = _constant(graph, columns, [1 - value, value])
    return Answer(above(graph, scores, 0.5), shares, scores)


@predicts(DummyClassifier)
def predict_dummy(graph: Graph, model: DummyClassifier, columns: Sequence[Column]) -> Answer:
    """Answer the same for every row."""
    if model.strategy not in ("prior", "most_frequent", "constant"):
        raise ConversionError(
            f"DummyClassifier(strategy={model.strategy!r}) answers at random: use strategy='prior'"
        )
    if model.n_outputs_ == 1:
        constant = None if model.constant is None else np.ravel(model.constant)[0]
        return _dummy(graph, model, columns, (model.classes_, model.class_prior_, constant))
    constants = [None] * model.n_outputs_ if model.constant is None else np.ravel(model.constant)
    each = zip(model.classes_, model.class_prior_, constants, strict=True)
    return Answer(targets=[_dummy(graph, model, columns, known) for known in each])


def _dummy(
    graph: Graph, model: DummyClassifier, columns: Sequence[Column], known: tuple[Any, Any, Any]
) -> Answer:
    """Answer with one label, given its classes, their shares and the constant answer."""
    classes, prior, constant = known
    shares = np.asarray(prior, dtype=np.float64)
    best = int(np.argmax(shares))
    if model.strategy == "constant":
        best = int(np.flatnonzero(classes == constant)[0])
    if model.strategy != "prior":
        shares = np.eye(len(shares))[best]
    table = _constant(graph, columns, shares.tolist())
    one_hot = _constant(graph, columns, np.eye(len(shares))[best].tolist())
    return Answer(largest(graph, one_hot), table)


@predicts(DummyRegressor)
def predict_dummy_value(graph: Graph, model: DummyRegressor, columns: Sequence[Column]) -> Answer:
    """Answer the same for every row."""
    return Answer(value=_constant(graph, columns, np.ravel(model.constant_).tolist()))


@predicts(BaggingClassifier)
def predict_bagging(graph: Graph, model: BaggingClassifier, columns: Sequence[Column]) -> Answer:
    """Average the probabilities, or the votes of estimators that have none."""
    count = len(model.classes_)
    parts = []
    for estimator, features in zip(model.estimators_, model.estimators_features_, strict=True):
        answer = predict(graph, estimator, graph.pick(columns, [int(i) for i in features]))
        known = [int(c) for c in estimator.classes_]
        if hasattr(estimator, "predict_proba"):
            shares = answer.need_probabilities()
        else:
            shares = _one_hot(graph, answer.need_index(), len(known))
        whole = known == list(range(count))
        parts.append(shares if whole else graph.op("MatMul", shares, np.eye(count)[known]))
    mean = graph.op("Div", _sum(graph, parts), float(len(parts)))
    return Answer(largest(graph, mean), mean)


@predicts(BaggingRegressor)
def predict_bagged_value(
    graph: Graph, model: BaggingRegressor, columns: Sequence[Column]
) -> Answer:
    """Average the values."""
    values = [
        predict(graph, e, graph.pick(columns, [int(i) for i in features])).need_value()
        for e, features in zip(model.estimators_, model.estimators_features_, strict=True)
    ]
    return Answer(value=graph.op("Div", _sum(graph, values), float(len(values))))


@predicts(VotingClassifier)
def predict_voting(graph: Graph, model: VotingClassifier, columns: Sequence[Column]) -> Answer:
    """Average probabilities, or count votes."""
    answers = _answers(graph, model, columns)
    weights = model._weights_not_none  # noqa: SLF001 - those of estimators that are kept
    weights = np.ones(len(answers)) if weights is None else np.asarray(weights, dtype=np.float64)
    soft = model.voting == "soft"
    parts = []
    for answer, weight in zip(answers, weights.tolist(), strict=True):
        shares = (
            answer.need_probabilities()
            if soft
            else _one_hot(graph, answer.need_index(), len(model.classes_))
        )
        parts.append(shares if weight == 1 else graph.op("Mul", shares, float(weight)))
    total = _sum(graph, parts)
    mean = graph.op("Div", total, float(weights.sum()))
    return Answer(largest(graph, mean if soft else total), mean if soft else None)


@predicts(VotingRegressor)
def predict_voted_value(graph: Graph, model: VotingRegressor, columns: Sequence[Column]) -> Answer:
    """Average the values."""
    weights = model._weights_not_none  # noqa: SLF001 - those of estimators that are kept
    weights = np.ones(len(model.estimators_)) if weights is None else np.asarray(weights, float)
    parts = [
        graph.op("Mul", answer.need_value(), float(w))
        for answer, w in zip(_answers(graph, model, columns), weights.tolist(), strict=True)
    ]
    return Answer(value=graph.op("Div", _sum(graph, parts), float(weights.sum())))


def _answers(graph: Graph, model: Any, columns: Sequence[Column]) -> list[Answer]:
    """Ask the estimators of a vote."""
    names = [name for name, estimator in model.estimators if estimator != "drop"]
    answers = []
    for name, estimator in zip(names, model.estimators_, strict=True):
        with within(f"estimator {name!r}"):
            answers.append(predict(graph, estimator, columns))
    return answers


@predicts(StackingClassifier, StackingRegressor)
def predict_stacking(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Ask the final estimator about the others' answers."""
    if isinstance(getattr(model, "classes_", None), list):
        raise ConversionError(
            f"{type(model).__name__} with several labels cannot be written as ONNX: use "
            f"MultiOutputClassifier({type(model).__name__}(...))"
        )
    parts = []
    binary = len(getattr(model, "classes_", ())) == 2
    names = [name for name, estimator in model.estimators if estimator != "drop"]
    for name, estimator, method in zip(names, model.estimators_, model.stack_method_, strict=True):
        with within(f"estimator {name!r}"):
            answer = predict(graph, estimator, columns)
        if method == "predict_proba":
            shares = answer.need_probabilities()
            parts.append(graph.gather(shares, [1]) if binary else shares)
        elif method == "decision_function":
            parts.append(answer.need_scores())
        elif is_regressor(estimator):
            parts.append(answer.need_value())
        else:
            index = graph.to_real(answer.need_index())
            parts.append(graph.op("Reshape", index, np.array([-1, 1])))
    stacked: list[Column] = [Column(graph.concat(parts), "real", _stacked_width(model))]
    if model.passthrough:
        stacked += columns
    with within("final_estimator"):
        return predict(graph, model.final_estimator_, stacked)


def _threshold(model: Any) -> float:
    return 0.0 if hasattr(model.estimators_[0], "decision_function") else 0.5


def _one_hot(graph: Graph, index: str, count: int) -> str:
    column = graph.op("Reshape", index, np.array([-1, 1]))
    return graph.to_real(graph.op("Equal", column, np.arange(count)[None, :]))


def _sum(graph: Graph, parts: Sequence[str]) -> str:
    total = parts[0]
    for part in parts[1:]:
        total = graph.op("Add", total, part)
    return total


def _constant(graph: Graph, columns: Sequence[Column], values: Sequence[float]) -> str:
    rows = graph.op("Shape", columns[0].name, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([len(values)]), axis=0)
    return graph.op("Expand", np.array([values], dtype=np.float64), shape)


def _stacked_width(model: Any) -> int:
    final = model.final_estimator_
    if not model.passthrough:
        return count_columns(final) or 1
    return (count_columns(final) or 0) - (count_columns(model) or 0)
