"""Answers of one plain value for each row, as scikit-learn's methods give them.

Other servers' protocols have no room for a label beside its probabilities. A request names the
method that it wants, ``predict`` unless it says otherwise:

=====================  ==========================================================================
method                 value of a row
=====================  ==========================================================================
``predict``            label or value; a list with several targets; the vector of a transformer
``predict_proba``      list of the probabilities, in the order of the classes; with several
                       targets a list of such lists
``decision_function``  score of an outlier detector; list of the scores of a classifier
``transform``          vector of a transformer; list of the distances to the clusters
=====================  ==========================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.errors import RequestError
from inference.runtime.suggestions import nearest, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

# By method, the members of a prediction that hold its value.
_MEMBERS: dict[str, tuple[str, ...]] = {
    "predict": ("label", "value", "values", "labels", "vector", "outputs"),
    "predict_proba": ("probabilities",),
    "decision_function": ("scores", "score"),
    "transform": ("vector", "distances"),
}


class PlainForm:
    """The form of an answer with a plain value for each row.

    Args:
        method: One of scikit-learn's methods.
        members: Names of the members of the document that hold the values.

    Attributes:
        members: The same.

    Raises:
        RequestError: There is no such method.
    """

    def __init__(self, method: str = "predict", members: Sequence[str] = ("predictions",)) -> None:
        if method not in _MEMBERS:
            known = ", ".join(_MEMBERS)
            raise RequestError(
                f"'{shorten(method)}' is not a method.{nearest(method, _MEMBERS)} Methods are: "
                f"{known}"
            )
        self.members = members
        self._method = method

    def values(self, predictions: list[dict[str, Any]], model: str) -> list[Any]:
        """Take the value out of each prediction.

        Args:
            predictions: At least one, all of one model.
            model: The name of the model.

        Raises:
            RequestError: The model has no such method.
        """
        member = _find(self._method, predictions[0])
        if member is None:
            has = ", ".join(method for method in _MEMBERS if _find(method, predictions[0]))
            raise RequestError(f"model '{model}' has no {self._method}: it has {has}")
        if member == "outputs":
            return [_only(prediction[member]) for prediction in predictions]
        return [_plain(prediction[member]) for prediction in predictions]


def _find(method: str, prediction: dict[str, Any]) -> str | None:
    members = _MEMBERS[method]
    if method == "predict":  # which each model has; None is a number that JSON lacks
        return next((member for member in members if member in prediction), None)
    return next((member for member in members if prediction.get(member) is not None), None)


def _plain(value: Any) -> Any:
    """Return the values of an object, and of the objects in it, as lists."""
    return list(map(_plain, value.values())) if isinstance(value, dict) else value


def _only(outputs: dict[str, Any]) -> Any:
    """Return the only output, or all of several by name."""
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs
