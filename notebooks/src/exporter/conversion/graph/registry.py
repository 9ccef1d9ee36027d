"""Which function writes which estimator into a graph; skl2onnx writes the rest."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from exporter.conversion.graph import fallback
from exporter.conversion.graph.origins import find_origin
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exporter.conversion.graph.answer import Answer
    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

    Transformer = Callable[[Graph, Any, Sequence[Column]], list[Column]]
    Predictor = Callable[[Graph, Any, Sequence[Column]], Answer]

_TRANSFORMERS: dict[type[Any], Transformer] = {}
_PREDICTORS: dict[type[Any], Predictor] = {}


def transforms(*kinds: type[Any]) -> Callable[[Transformer], Transformer]:
    """Register a function that writes what ``transform`` does; for exactly these classes."""

    def register(function: Transformer) -> Transformer:
        _TRANSFORMERS.update(dict.fromkeys(kinds, function))
        return function

    return register


def predicts(*kinds: type[Any]) -> Callable[[Predictor], Predictor]:
    """Register a function that writes what a predictor answers; for exactly these classes."""

    def register(function: Predictor) -> Predictor:
        _PREDICTORS.update(dict.fromkeys(kinds, function))
        return function

    return register


def transform(graph: Graph, estimator: Any, columns: Sequence[Column]) -> list[Column]:
    """Write the estimator's ``transform``.

    Raises:
        ConversionError: Nothing here can write it.
    """
    found = _TRANSFORMERS.get(_kind(estimator), fallback.transform)(graph, estimator, columns)
    origin = None
    if id(estimator) not in graph.given.sparse:
        origin = find_origin(estimator, columns, graph.origins)
    if origin is not None and len(found) == 1:
        graph.origins[found[0].name] = origin
    return found


def predict(graph: Graph, estimator: Any, columns: Sequence[Column]) -> Answer:
    """Write what the estimator predicts.

    Raises:
        ConversionError: Nothing here can write it.
    """
    return _PREDICTORS.get(_kind(estimator), fallback.predict)(graph, estimator, columns)


@contextmanager
def within(place: str) -> Iterator[None]:
    """Prefix a ConversionError with the place in the model.

    Args:
        place: Such as ``step 'scale'``.
    """
    try:
        yield
    except ConversionError as error:
        raise ConversionError(f"{place}: {error}") from error


def _kind(estimator: Any) -> type[Any]:
    # A subclass of others may answer otherwise; these only pass rows on.
    return next((k for k in (Pipeline, BaseSearchCV) if isinstance(estimator, k)), type(estimator))
