"""What a fitted model answers with: its task, its classes and its targets, without asking it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.cluster import Birch
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from exporter.data.boosters import library_of
from exporter.errors import ModelError

if TYPE_CHECKING:
    from inference.model.contract import Label, Task

_OUTLIER, _INLIER = -1, 1


class Classes(NamedTuple):
    """The classes of one label.

    Attributes:
        labels: As Python values, in the model's order.
        encoded: What an ONNX file holds in their place, where it cannot hold them (booleans,
            floats); ``None`` where it can.
    """

    labels: list[Label]
    encoded: list[str | int] | None = None

    @property
    def codes(self) -> list[Any]:
        """What an ONNX file holds."""
        return list(self.labels) if self.encoded is None else list(self.encoded)

    def to_indices(self, labels: Any) -> np.ndarray[Any, Any]:
        """Turn labels into indices of classes; -1 for an unknown label."""
        known = {value: index for index, value in enumerate(self.labels)}
        return _look_up(known, labels)

    def decode(self, codes: Any) -> np.ndarray[Any, Any]:
        """Turn what an ONNX file holds into indices of classes; -1 for an unknown code."""
        return _look_up({code: index for index, code in enumerate(self.codes)}, codes)


def find_task(model: Any) -> Task:
    """Return what a model answers with.

    Raises:
        ModelError: It is not an estimator, or answers nothing about rows it was not fitted on.
    """
    if isinstance(model, type):
        raise ModelError(
            f"model is the class {model.__name__}, not a fitted instance: "
            f"pass {model.__name__}(...).fit(X, y)"
        )
    if not hasattr(model, "fit") or isinstance(model, str):
        raise ModelError(
            f"model is a {type(model).__name__}, which has no fit() and predict(): "
            "pass a fitted scikit-learn estimator or Pipeline"
        )
    if not hasattr(model, "predict") and hasattr(model, "transform"):
        return "transformation"
    found = _find_predictor(model) if hasattr(model, "predict") else None
    if found is None:
        raise ModelError(_explain(model))
    return found


def find_classes(model: Any, task: Task) -> list[Classes]:
    """Return the classes of each label that a model answers with; none for numbers.

    Raises:
        ModelError: They are not known, or of mixed types.
    """
    if task == "classification":
        return [_read_classes(_need_classes(model))]
    if task == "multioutput_classification":
        return [_read_classes(each) for each in _list_classes(model) or []]
    if task == "outlier_detection":
        return [Classes([_OUTLIER, _INLIER])]
    return [Classes(_list_clusters(model))] if task == "clustering" else []


def is_ranker(model: Any) -> bool:
    """Whether a model of a boosting library orders rows; scikit-learn has no such kind."""
    return library_of(model) is not None and type(model).__name__.endswith("Ranker")


def last_step(model: Any) -> Any:
    """Return the estimator that answers: the last step of a pipeline, or the best of a search."""
    return list_steps(model)[-1]


def list_steps(model: Any) -> list[Any]:
    """List the steps that rows pass one after the other; the last one answers."""
    steps: list[Any] = []
    while True:
        if isinstance(model, Pipeline):
            steps += [step for _, step in model.steps[:-1] if step not in (None, "passthrough")]
            model = model.steps[-1][1]
        elif isinstance(model, BaseSearchCV) and hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif isinstance(model, FrozenEstimator):
            model = model.estimator
        else:
            return [*steps, model]


def _find_predictor(model: Any) -> Task | None:
    try:
        if is_classifier(model):
            several = _list_classes(model) is not None
            return "multioutput_classification" if several else "classification"
        if is_regressor(model) or is_ranker(model):
            return "regression"
        if is_outlier_detector(model):
            return "outlier_detection"
        if is_clusterer(model) or _kind(model) == "density_estimator":
            return "clustering"
    except (AttributeError, TypeError):  # no scikit-learn tags
        pass
    return None


def _kind(model: Any) -> str | None:
    try:
        kind: str | None = get_tags(model).estimator_type
    except (AttributeError, TypeError, ValueError):  # no scikit-learn tags
        return None
    return kind


def _explain(model: Any) -> str:
    last = last_step(model)
    name = type(last).__name__
    if isinstance(last, BaseSearchCV):
        return (
            f"the {name} has no best estimator, since it was fitted with refit=False: pass "
            "refit=True, or the estimator that you fit with its best_params_"
        )
    if not hasattr(model, "predict"):
        if isinstance(last, LocalOutlierFactor):
            return (
                "LocalOutlierFactor(novelty=False) judges only the rows it was fitted on: "
                "fit it with novelty=True"
            )
        if hasattr(last, "fit_predict"):
            return (
                f"{name} labels only the rows it was fitted on: use KMeans, or publish a "
                "KNeighborsClassifier that is fitted on its labels_"
            )
        if hasattr(last, "fit_transform"):
            return (
                f"{name} transforms only the rows it was fitted on: use PCA or TruncatedSVD instead"
            )
    return (
        f"{name} is no classifier, regressor, outlier detector, clusterer or transformer: pass an "
        "estimator that answers about new rows, or a Pipeline that ends in one"
    )


def _list_classes(model: Any) -> list[Any] | None:
    """List the classes of each of several labels; ``None`` for a single label."""
    last, found = last_step(model), getattr(model, "classes_", None)
    if isinstance(last, ClassifierChain) and isinstance(found, list):
        # They are in the order of the chain, the answers in that of the targets.
        return [found[place] for place in np.argsort(last.order_).tolist()]
    if isinstance(found, list):
        return found
    binarizer = getattr(last, "label_binarizer_", getattr(last, "_label_binarizer", None))
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        return [np.array([0, 1])] * len(_need_classes(model))
    return None


def _need_classes(model: Any) -> Any:
    found = getattr(model, "classes_", None)
    if found is None:
        raise ModelError(f"the {type(model).__name__} has no classes_: is it a fitted classifier?")
    return found


def _read_classes(found: Any) -> Classes:
    array = np.asarray(found)
    if array.ndim != 1:
        raise ModelError(
            "the classes of the model have several dimensions: fit one classifier per label, for "
            "example with MultiOutputClassifier"
        )
    if array.dtype.kind in "mM":  # whose list may be one of integers
        raise ModelError(f"the classes are of the type {array.dtype}: fit the model on strings")
    classes = [v.item() if isinstance(v, np.generic) else v for v in array.tolist()]
    kinds = {type(c) for c in classes}
    whole = kinds != {float} or all(c.is_integer() for c in classes)
    if len(kinds) != 1 or not kinds <= {int, str, bool, float} or not whole:
        shown = ", ".join(repr(c) for c in classes[:5])
        raise ModelError(
            f"the classes ({shown}) are not all strings, all whole numbers or all booleans: "
            "fit the model on labels of one such type"
        )
    held = kinds <= {int, str}
    return Classes(classes, None if held else [int(c) for c in classes])


def _list_clusters(model: Any) -> list[Label]:
    last = last_step(model)
    if isinstance(last, Birch):
        return [int(label) for label in np.unique(last.subcluster_labels_)]
    if hasattr(last, "weights_"):
        return list(range(len(last.weights_)))
    centers = getattr(last, "cluster_centers_", None)
    if centers is not None and len(centers):
        return list(range(len(centers)))
    raise ModelError(
        f"the {type(last).__name__} has found no clusters"
        + (": it did not converge, fit it with another damping" if centers is not None else "")
    )


def _look_up(known: dict[Any, int], labels: Any) -> np.ndarray[Any, Any]:
    # 1.0 == 1 == True in a dict, which is what is wanted: predict() may return another width.
    values = np.asarray(labels).tolist()
    try:
        return np.array([known.get(value, -1) for value in values], dtype=int)
    except TypeError:  # what cannot be hashed is no label
        return _look_up(known, [v if isinstance(v, Hashable) else None for v in values])
