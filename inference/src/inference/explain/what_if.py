"""What-if curves: the answers along one feature, with the other features as they are."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.errors import ConflictError, InferenceError, QueryError, RequestError
from inference.model.signature import element_range
from inference.runtime.suggestions import nearest, shorten
from inference.runtime.threads import INLINE_BYTES, off_loop
from inference.serving.inferrer import explain_failure
from inference.serving.predictions import AnswerBuilder
from inference.serving.rows.reader import RowReader

if TYPE_CHECKING:
    from inference.model.contract import Feature, Scalar
    from inference.model.servable import Servable
    from inference.serving.dispatcher import Dispatcher
    from inference.settings import Settings
    from inference.telemetry.timing import Timing

    Array = np.ndarray[Any, Any]

_encode = msgspec.json.Encoder().encode

MAX_POINTS = 64
_INT64 = np.iinfo(np.int64)


class WhatIf:
    """The what-if curves of one servable, which is handed in with each request.

    Args:
        servable: The model.
        dispatcher: Where runs happen.
        settings: The limits on requests.

    Raises:
        ConflictError: It has no contract, and thus no known ranges.
    """

    def __init__(self, servable: Servable, dispatcher: Dispatcher, settings: Settings) -> None:
        contract = servable.contract
        if contract is None:
            raise ConflictError(
                f"model '{servable.name}', version {servable.version}, has no contract, and thus "
                "no known ranges of its features. Publish the model with publish() of the exporter"
            )
        self._dispatcher = dispatcher
        self._builder = AnswerBuilder(servable)
        self._features = {feature.name: feature for feature in contract.features}
        self._places = _places(contract.features)
        self._reader = RowReader(
            servable,
            max_rows=settings.max_rows,
            max_row_bytes=settings.max_row_bytes,
            max_strings=settings.max_strings,
        )

    async def answer(
        self, servable: Servable, body: bytes, name: str | None, timing: Timing
    ) -> bytes:
        """Answer one request.

        Args:
            servable: The one that this was made for.
            body: One record, or one row.
            name: The feature to vary.
            timing: Records when each phase ends.

        Returns:
            The answer as JSON.

        Raises:
            ConflictError: The range of the feature is unknown.
            QueryError: No feature, or an unknown one.
            RequestError: The body is a list, or not what a predict route takes.
            RowsError: Features are wrong.
            OverloadedError: Too many requests wait, or this one has waited too long.
            RunTimeoutError: Its run took too long.
            InferenceError: The model failed.
        """
        feature = self._find(servable, name)
        read = self._reader.read
        batch = read(body) if len(body) <= INLINE_BYTES else await off_loop(len(body), read, body)
        if not batch.single:
            raise RequestError("a what-if curve starts from one record: send it without a list")
        values = _points(feature)
        if not values:
            raise ConflictError(
                f"the contract of model '{servable.name}' has no range for '{feature.name}', "
                "along which it could vary"
            )
        feeds = self._vary(batch.feeds, feature, values)
        timing.parse_ended()
        timing.rows = len(values)
        head = {
            "model": servable.name,
            "version": servable.version,
            "feature": feature.name,
            "values": values,
        }
        outputs, finish = self._builder.outputs, partial(self._finish, head, batch.warnings)
        try:
            encoded = await self._dispatcher.run(servable, outputs, feeds, timing, finish)
        except InferenceError as error:
            raise explain_failure(servable, error) from error
        timing.finish()
        return encoded

    def _finish(self, head: dict[str, Any], warnings: list[Any], results: list[Any]) -> bytes:
        predictions = self._builder.predictions(results, len(head["values"]))
        answer = {**head, "predictions": predictions}
        return _encode(answer | ({"warnings": warnings} if warnings else {}))

    def _find(self, servable: Servable, name: str | None) -> Feature:
        names = list(self._features)
        if name is None:
            raise QueryError(f"name the feature to vary: ?feature={shorten(names[0])}")
        feature = self._features.get(name)
        if feature is None:
            raise QueryError(
                f"'{shorten(name)}' is not a feature of model '{servable.name}'."
                f"{nearest(name, names)}"
            )
        return feature

    def _vary(
        self, record: dict[str, Any], feature: Feature, values: list[Scalar]
    ) -> dict[str, Any]:
        feeds = {name: np.repeat(array, len(values), axis=0) for name, array in record.items()}
        column = feeds[feature.input]
        if column.ndim > 1:
            column = column[:, self._places[feature.name]]
        if column.dtype == np.object_:
            column[:] = [str(value) for value in values]
        elif column.dtype.kind == "b":
            column[:] = values
        else:
            column[:] = np.clip(np.array(values), *element_range(column.dtype))
        return feeds


def _places(features: list[Feature]) -> dict[str, int]:
    """Return the column of each feature within its input."""
    counts: dict[str, int] = {}
    places = {}
    for feature in features:
        places[feature.name] = counts.get(feature.input, 0)
        counts[feature.input] = places[feature.name] + 1
    return places


def _points(feature: Feature) -> list[Scalar]:
    """Return up to 64 values of a feature; none if its range is unknown."""
    if feature.kind == "boolean":
        return [False, True]
    if feature.kind == "category":
        return list((feature.categories or [])[:MAX_POINTS])
    low, high = feature.minimum, feature.maximum
    if low is None or high is None:
        return []
    if feature.kind == "integer":
        first, last = max(math.ceil(low), _INT64.min), min(math.floor(high), _INT64.max)
        count = min(MAX_POINTS, last - first + 1)
        steps = max(1, count - 1)
        return [first + (2 * i * (last - first) + steps) // (2 * steps) for i in range(count)]
    if low == high:
        return [low]
    # Rounded, since people read them, to a thousandth of a step.
    steps = MAX_POINTS - 1
    step = (high - low) / steps
    digits = 3 - math.floor(math.log10(step)) if math.isfinite(step) and step > 0 else 0
    inner = [round(low * (1 - i / steps) + high * (i / steps), digits) for i in range(1, steps)]
    return [low, *inner, high]
