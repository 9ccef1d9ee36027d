"""Classifiers of several labels, by one classifier for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predict, predicts, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


@predicts(MultiOutputClassifier)
def predict_each(graph: Graph, model: MultiOutputClassifier, columns: Sequence[Column]) -> Answer:
    """Ask the classifier of each label."""
    targets = []
    for place, estimator in enumerate(model.estimators_):
        with within(f"label {place}"):
            targets.append(predict(graph, estimator, columns))
    return Answer(targets=targets)


@predicts(ClassifierChain)
def predict_chain(graph: Graph, model: ClassifierChain, columns: Sequence[Column]) -> Answer:
    """Give each classifier the answers of those before it."""
    known, answers = list(columns), []
    for estimator in model.estimators_:
        answer = predict(graph, estimator, known)
        answers.append(answer)
        known.append(Column(_passed_on(graph, model, estimator, answer), "real", 1))
    return Answer(targets=[answers[place] for place in np.argsort(model.order_).tolist()])


def _passed_on(graph: Graph, model: ClassifierChain, estimator: Any, answer: Answer) -> str:
    """Return what the next classifiers of a chain are given, ``[rows, 1]``."""
    if model.chain_method_ == "decision_function":
        return answer.need_scores()
    if model.chain_method_ == "predict":
        classes = np.asarray(estimator.classes_, dtype=np.float64)
        label = graph.op("Gather", classes, answer.need_index())
        return graph.op("Reshape", label, np.array([-1, 1]))
    share = graph.gather(answer.need_probabilities(), [1])
    return graph.op("Log", share) if model.chain_method_ == "predict_log_proba" else share
