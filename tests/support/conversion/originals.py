"""Stand-ins of fitted models, for code that only asks what a model answers with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from exporter.data.answers.kinds import Classes

if TYPE_CHECKING:
    from exporter.data.estimator import FittedEstimator


def answering(task: str, *labels: list[Any], **more: Any) -> FittedEstimator:
    """Make a model with a task and the classes of each of its labels."""
    stand_in = SimpleNamespace(
        task=task,
        labels=[Classes(list(each)) for each in labels],
        has_several_labels=task == "multioutput_classification",
        has_scores=task == "outlier_detection",
        **more,
    )
    return cast("FittedEstimator", stand_in)


def classifier(*classes: Any) -> FittedEstimator:
    """Make a classifier of one label."""
    return answering("classification", list(classes))


def regressor() -> FittedEstimator:
    """Make a regressor."""
    return answering("regression")
