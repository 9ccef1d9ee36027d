"""One request's work: body to rows, run, results to answer."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.errors import ConflictError, InferenceError
from inference.runtime.suggestions import shorten
from inference.runtime.threads import INLINE_BYTES, off_loop
from inference.serving.dispatcher import is_small
from inference.serving.inferrer import explain_failure
from inference.serving.one_record import OneRecordFastPath
from inference.serving.predictions import AnswerBuilder
from inference.serving.rows.reader import RowReader
from inference.serving.tensors.list_slices import WHOLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.serving.answers.plain import PlainForm
    from inference.serving.dispatcher import Dispatcher
    from inference.serving.rows.reader import Batch
    from inference.settings import Settings
    from inference.telemetry.timing import Timing

_encode = msgspec.json.Encoder().encode

# The row checker is slower: only bodies up to this size are checked on the loop.
_CAREFUL_BYTES = 2 * 1024
# As many values are encoded in one go, which takes some milliseconds.
_PIECE_VALUES = 8 * 1024
_SHOWN = 8  # tensors that a message describes


class Predictor:
    """Answers the predict routes of one servable.

    It does not hold the servable, which is handed in with each request, so that a servable is freed
    with its last request.

    Args:
        servable: The model to run.
        dispatcher: Where runs happen.
        settings: The limits on requests.

    Attributes:
        limits: The most rows of a request, and the longest row.

    Raises:
        ConflictError: The model's inputs are not rows of columns.
    """

    def __init__(self, servable: Servable, dispatcher: Dispatcher, settings: Settings) -> None:
        if servable.features is None:
            raise _without_rows(servable)
        self._dispatcher = dispatcher
        self._reader = RowReader(
            servable,
            max_rows=settings.max_rows,
            max_row_bytes=settings.max_row_bytes,
            max_strings=settings.max_strings,
        )
        self.limits = self._reader.limits
        self._builder = AnswerBuilder(servable)
        self._fast_path = OneRecordFastPath.of(servable)
        self._small_rows = math.inf  # the answer to one more was too large to be encoded at once

    def predict_now(
        self, servable: Servable, body: bytes, timing: Timing, form: PlainForm | None = None
    ) -> bytes | None:
        """Answer one request at once if both the request and the run are cheap.

        Args:
            servable: The one that this predictor was made for.
            body: The request's body.
            timing: Records when each phase ends.
            form: The form of the answer, unless it is that of the predict routes.

        Returns:
            The answer as JSON; ``None`` when this request has to wait, see :meth:`predict`.

        Raises:
            RequestError: The body is not what the route takes.
            RowsError: Rows or features are wrong.
            TooLargeError: Too many rows.
            InferenceError: The model failed on an admissible input.
        """
        if not servable.plan.inline_rows or len(body) > INLINE_BYTES:
            return None
        if form is None and self._fast_path is not None:
            answer = self._fast_path.answer(body, timing)
            if answer is not None:
                return answer
        batch = self._read_at_once(body)
        if batch is None or batch.rows > self._small_rows:
            return None
        if not self._dispatcher.is_inline(servable, batch.rows, batch.feeds):
            return None
        timing.parse_ended()
        timing.rows = batch.rows
        outputs = self._builder.outputs
        try:
            results = self._dispatcher.run_inline(servable, outputs, batch.feeds, timing)
        except InferenceError as error:
            raise explain_failure(servable, error) from error
        if not is_small(results):  # this one runs again
            self._small_rows = min(self._small_rows, batch.rows - 1)
            return None
        return self._encode(servable, batch, results, timing, form)

    async def predict(
        self, servable: Servable, body: bytes, timing: Timing, form: PlainForm | None = None
    ) -> bytes:
        """Answer one request; costly steps run in a thread.

        Args, Returns and Raises are those of :meth:`predict_now`, and:

        Raises:
            OverloadedError: Too many requests wait, or this one has waited too long.
        """
        # Only a longer body is read in pieces, in a thread. While it reads a piece, the loop waits
        # for the interpreter's lock: as long as to read it here, and for the hop, too.
        batch = self._read_at_once(body) if len(body) <= WHOLE_BYTES else None
        if batch is None:
            batch = await off_loop(len(body), self._reader.read, body)
        timing.parse_ended()
        timing.rows = batch.rows

        def finish(results: list[Any]) -> bytes:
            return self._encode(servable, batch, results, timing, form)

        try:
            return await self._dispatcher.run(
                servable, self._builder.outputs, batch.feeds, timing, finish
            )
        except InferenceError as error:
            raise explain_failure(servable, error) from error

    def _read_at_once(self, body: bytes) -> Batch | None:
        """Read a small body on the loop; ``None`` if a thread must read it."""
        if len(body) <= _CAREFUL_BYTES:
            return self._reader.read(body)
        return self._reader.read_quickly(body)

    def _encode(
        self,
        servable: Servable,
        batch: Batch,
        results: list[Any],
        timing: Timing,
        form: PlainForm | None = None,
    ) -> bytes:
        answer: dict[str, Any] = {"model": servable.name, "version": servable.version}
        try:
            if form is not None:
                answer = self._make_plain(servable, batch, results, form)
            elif batch.single:
                (prediction,) = self._builder.predictions(results, 1)
                answer |= prediction
            else:
                answer["predictions"] = _in_pieces(self._builder.records, results, batch.rows)
            timing.labels, timing.warnings = self._builder.count_labels(results), batch.warnings
            timing.answer(batch.feeds, self._builder.outputs, results)
            warnings = self._builder.notes + batch.warnings
            if warnings and form is None:
                answer["warnings"] = warnings
            encoded = _encode(answer)
        except (ValueError, TypeError, IndexError) as error:
            if servable.contract is None:
                raise _without_rows(servable) from error
            raise InferenceError(
                f"the outputs of model '{servable.name}' are not one row per input row: {error}"
            ) from error
        timing.finish()
        return encoded

    def _make_plain(
        self, servable: Servable, batch: Batch, results: list[Any], form: PlainForm
    ) -> dict[str, Any]:
        """Make an answer of plain values.

        Raises:
            RequestError: The model has not the method that was asked for.
        """

        def values(results: list[Any], rows: int | None = None) -> list[Any]:
            return form.values(self._builder.predictions(results, rows), servable.name)

        return dict.fromkeys(form.members, _in_pieces(values, results, batch.rows))


def _in_pieces(
    make: Callable[..., list[Any]], results: list[Any], rows: int
) -> list[Any] | msgspec.Raw:
    """Make a list's predictions; many are encoded in pieces, since each holds the lock.

    Args:
        make: Makes the predictions of results; checks the number of rows if it is given.
        results: The outputs of the run.
        rows: How many rows were asked.
    """
    values = sum(getattr(result, "size", rows) for result in results)
    if values <= _PIECE_VALUES or not all(_can_be_cut(result, rows) for result in results):
        return make(results, rows)
    step = max(1, _PIECE_VALUES * rows // values)
    pieces = [
        _encode(make([result[at : at + step] for result in results]))[1:-1]
        for at in range(0, rows, step)
    ]
    return msgspec.Raw(b"[%b]" % b",".join(pieces))


def _can_be_cut(result: Any, rows: int) -> bool:
    """Whether a piece of a result is the result of a piece of the rows."""
    if isinstance(result, list):  # maps, or columns
        return len(result) == rows and isinstance(result[0], dict)
    return isinstance(result, np.ndarray) and result.shape[:1] == (rows,)


def _without_rows(servable: Servable) -> ConflictError:
    signature = servable.signature
    taken, given = (
        ", ".join(f"{shorten(s.name)} {s.onnx_type} {list(s.shape)}" for s in specs[:_SHOWN])
        for specs in (signature.inputs, signature.outputs)
    )
    return ConflictError(
        f"model '{servable.name}' takes tensors ({taken}) and returns tensors ({given}), not a "
        f"prediction for each row: use /v2/models/{servable.name}/infer"
    )


class Predictors:
    """The predictor of each servable in use; goes when the servable goes.

    Args:
        settings: The limits on requests.
        dispatcher: Where runs happen.
    """

    def __init__(self, settings: Settings, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._known: weakref.WeakKeyDictionary[Servable, Predictor] = weakref.WeakKeyDictionary()

    def of(self, servable: Servable) -> Predictor:
        """Find or make a servable's predictor.

        Raises:
            ConflictError: The model takes no rows.
        """
        predictor = self._known.get(servable)
        if predictor is None:
            predictor = self._known[servable] = Predictor(
                servable, self._dispatcher, self._settings
            )
        return predictor
