"""Explanations of one request: rows to answers, contributions of features, answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from inference.errors import ConflictError, InferenceError, QueryError, TooLargeError
from inference.explain.attribution import Attribution
from inference.explain.explained import Explained
from inference.model.labels import label_key
from inference.runtime.threads import INLINE_BYTES, off_loop
from inference.serving.inferrer import explain_failure
from inference.serving.predictions import AnswerBuilder
from inference.serving.rows.reader import RowReader

if TYPE_CHECKING:
    from inference.explain.attribution import Contributions
    from inference.explain.shapley import Array
    from inference.model.servable import Servable
    from inference.serving.dispatcher import Dispatcher, Run
    from inference.serving.rows.reader import Batch
    from inference.settings import Settings
    from inference.telemetry.timing import Timing

_encode = msgspec.json.Encoder().encode

_MAX_CONTRIBUTIONS = 1_000_000  # of one answer

Costs = dict[str, tuple[int, int]]


class Explainer:
    """Explains the answers of one servable, which is handed in with each request.

    Args:
        servable: The model.
        dispatcher: Where runs happen.
        settings: The limits on requests.

    Raises:
        ConflictError: The model has no background rows, or answers that cannot be explained.
    """

    def __init__(self, servable: Servable, dispatcher: Dispatcher, settings: Settings) -> None:
        contract = servable.contract
        if contract is None or not contract.background:
            raise _without_background(servable)
        self._dispatcher = dispatcher
        self._explained = Explained(servable)
        self._attribution = Attribution(servable, contract.background, self._explained)
        self._builder = AnswerBuilder(servable)
        self._names = contract.feature_names
        self._reader = RowReader(
            servable,
            max_rows=settings.max_explained_rows,
            max_row_bytes=settings.max_row_bytes,
            max_strings=settings.max_strings,
        )

    async def explain(
        self, servable: Servable, body: bytes, timing: Timing, *, top: bool
    ) -> tuple[bytes, Costs]:
        """Answer one request.

        Args:
            servable: The one that this explainer was made for.
            body: What a predict route takes.
            timing: Records when each phase ends.
            top: Whether only the answered class of each row is explained.

        Returns:
            The answer as JSON; by method, how many rows were explained, and how many rows were run
            for that.

        Raises:
            ConflictError: The answers to the background are not finite.
            QueryError: There are no classes to choose the answered one from.
            RequestError: The body is not what the route takes.
            RowsError: Rows or features are wrong.
            TooLargeError: Too many rows, or a run takes too much memory.
            OverloadedError: Too many requests wait, or this one has waited too long.
            RunTimeoutError: Its runs took too long.
            InferenceError: The model failed.
        """
        if top and not self._explained.has_classes:
            raise QueryError(
                f"classes=top needs classes, and model '{servable.name}' answers with numbers: "
                "leave it out"
            )
        read = self._reader.read
        batch = read(body) if len(body) <= INLINE_BYTES else await off_loop(len(body), read, body)
        timing.parse_ended()
        timing.rows = batch.rows
        self._check_size(servable, batch.rows, top=top)
        job = partial(self._explain, servable, batch, top=top)
        try:
            encoded, costs = await self._dispatcher.work(servable, job, timing)
        except InferenceError as error:
            raise explain_failure(servable, error) from error
        timing.finish()
        return encoded, costs

    def _check_size(self, servable: Servable, rows: int, *, top: bool) -> None:
        keys = 1 if top or self._explained.keys is None else len(self._explained.keys)
        count = rows * len(self._names) * keys
        if count > _MAX_CONTRIBUTIONS:
            fewer = " or add ?classes=top" if self._explained.has_classes and not top else ""
            raise TooLargeError(
                f"the answer of model '{servable.name}' would have {count:,} contributions, the "
                f"limit is {_MAX_CONTRIBUTIONS:,}: send fewer rows{fewer}"
            )

    def _explain(
        self, servable: Servable, batch: Batch, run: Run, *, top: bool
    ) -> tuple[bytes, Costs]:
        """Run the model, and build the answer; in a worker thread."""
        results = run(self._builder.outputs, batch.feeds)
        predictions = self._builder.predictions(results, batch.rows)
        answers = self._numbers_of_answers(results)
        costs: Costs = {}
        for row, prediction in enumerate(predictions):
            record = {name: array[row : row + 1] for name, array in batch.feeds.items()}
            kept = self._answered(prediction) if top else None
            found = self._attribution.contributions(run, record, answers[row], kept)
            prediction["explanation"] = self._describe(run, found, kept)
            count, rows = costs.get(found.method, (0, 0))
            costs[found.method] = count + 1, rows + found.rows
        answer: dict[str, Any] = {"model": servable.name, "version": servable.version}
        answer |= predictions[0] if batch.single else {"predictions": predictions}
        if batch.warnings:
            answer["warnings"] = batch.warnings
        return _encode(answer), costs

    def _numbers_of_answers(self, results: list[Any]) -> Array:
        named = dict(zip(self._builder.outputs, results, strict=True))
        return self._explained.numbers(named[self._explained.output_name])

    def _answered(self, prediction: dict[str, Any]) -> slice:
        """Return the place of a prediction's class."""
        keys = self._explained.keys or []
        try:
            place = list(keys).index(label_key(prediction["label"]))
        except ValueError:
            raise InferenceError(
                f"the label {prediction['label']!r} is not one of the classes"
            ) from None
        return slice(place, place + 1)

    def _describe(self, run: Run, found: Contributions, kept: slice | None) -> dict[str, Any]:
        keys = self._explained.keys
        base = self._attribution.base(run).mean(axis=0)
        if keys is not None and kept is not None:
            keys, base = keys[kept], base[kept]

        def name(numbers: Array) -> Any:
            values = numbers.tolist()
            return values[0] if keys is None else dict(zip(keys, values, strict=True))

        def by_feature(table: Array) -> dict[str, Any]:
            return dict(zip(self._names, map(name, table), strict=True))

        described = {
            "method": found.method,
            "output": self._explained.output,
            "base": name(base),
            "contributions": by_feature(found.values),
        }
        if found.errors is not None:
            described["standard_error"] = by_feature(found.errors)
        described["model_rows"] = found.rows
        return described


def _without_background(servable: Servable) -> ConflictError:
    what = f"model '{servable.name}', version {servable.version},"
    if servable.contract is None:
        return ConflictError(
            f"{what} cannot be explained: it has no contract, and thus no background rows to "
            "compare with. Publish the model with publish() of the exporter"
        )
    return ConflictError(
        f"{what} cannot be explained: its contract has no background rows to compare with. "
        "Publish the model again with an exporter of this release"
    )
