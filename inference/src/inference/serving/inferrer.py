"""One inference request of the Open Inference Protocol, over REST or gRPC.

Small requests are read, run and written on the event loop. Large ones are written in the thread
that ran them, and read in a thread if they are so long that they are read in pieces.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from inference.errors import InferenceError, RequestError
from inference.model.answers.targets import count_targets
from inference.runtime.threads import INLINE_BYTES, off_loop
from inference.serving.dispatcher import is_small, longest
from inference.serving.predictions import is_classifier
from inference.serving.tensors.list_slices import WHOLE_BYTES
from inference.serving.tensors.one_input import OneInputFastPath
from inference.serving.tensors.query import MAX_STRINGS
from inference.serving.tensors.request import read_request
from inference.serving.tensors.response import Response, pick_results, write_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inference.model.servable import Servable
    from inference.serving.dispatcher import Dispatcher
    from inference.serving.tensors.query import Query
    from inference.telemetry.timing import Timing

# Binary numbers cost one copy at most.
_COPIED_BYTES = 1024 * 1024

T = TypeVar("T")


class Inferrer:
    """Answers inference requests.

    Args:
        dispatcher: Where runs happen.
        max_rows: The most rows in one request.
        max_strings: The most strings in one input.

    Attributes:
        max_rows: The same.
        max_strings: The same.
    """

    def __init__(
        self, dispatcher: Dispatcher, *, max_rows: int, max_strings: int = MAX_STRINGS
    ) -> None:
        self._dispatcher = dispatcher
        self.max_rows = max_rows
        self.max_strings = max_strings
        self._fast_paths: WeakKeyDictionary[Servable, OneInputFastPath | None] = WeakKeyDictionary()
        # So many values of inputs had an answer that was too large to be encoded at once.
        self._wide: WeakKeyDictionary[Servable, float] = WeakKeyDictionary()

    def infer_now(
        self, servable: Servable, body: bytes, json_bytes: int | None, timing: Timing
    ) -> Response | None:
        """Answer a REST request at once if both the request and the run are cheap.

        Args:
            servable: The model to run.
            body: The whole body, decompressed.
            json_bytes: How many of its bytes are the JSON, see
                :func:`inference.serving.tensors.request.read_request`.
            timing: Records when each phase ends.

        Returns:
            The response; ``None`` when the request has to wait, see :meth:`infer`.

        Raises:
            RequestError: The request is not valid for the protocol or the model.
            TooLargeError: Too many rows.
            InferenceError: The model failed on an admissible input.
        """
        if not servable.plan.inline_rows or len(body) > INLINE_BYTES:
            return None
        fast_path = self._fast_path_of(servable) if json_bytes is None else None
        request = fast_path.decode(body) if fast_path is not None else None
        query = None
        if fast_path is not None and request is not None:
            answer = fast_path.answer_row(request, timing)
            if answer is not None:
                return Response(answer, None)
            query = fast_path.query(request)
        if query is None:
            fast_path, query = None, self._read(servable, body, json_bytes)
        return self._run_now(servable, query, timing, fast_path)

    def _run_now(
        self, servable: Servable, query: Query, timing: Timing, fast_path: OneInputFastPath | None
    ) -> Response | None:
        """Run and answer on the loop, if that is cheap; ``fast_path`` has read the query."""
        names = query.names
        if self._wide and _count_values(query) >= self._wide.get(servable, math.inf):
            return None
        if not self._dispatcher.is_inline(
            servable, longest(servable, query.rows, query.feeds), query.feeds
        ):
            return None
        timing.parse_ended()
        timing.rows = query.rows
        try:
            values = self._dispatcher.run_inline(servable, names, query.feeds, timing)
        except InferenceError as error:
            raise explain_failure(servable, error) from error
        if not is_small(values):  # this one runs again
            self._wide[servable] = min(self._wide.get(servable, math.inf), _count_values(query))
            return None
        timing.labels = count_labels(servable, query, values)
        timing.answer(query.feeds, names, values)
        written = fast_path.write(query.id, values) if fast_path is not None else None
        response = Response(written, None) if written is not None else None
        if response is None:
            response = write_response(servable, query, pick_results(servable, query, values))
        timing.finish()
        return response

    def _fast_path_of(self, servable: Servable) -> OneInputFastPath | None:
        """Return the fast path of a servable, made on first use; ``None`` if it has none."""
        try:
            return self._fast_paths[servable]
        except KeyError:
            fast_path = None
            with contextlib.suppress(ValueError):
                fast_path = OneInputFastPath(servable, self.max_rows)
            self._fast_paths[servable] = fast_path
            return fast_path

    async def infer(
        self, servable: Servable, body: bytes, json_bytes: int | None, timing: Timing
    ) -> Response:
        """Answer a REST request; costly steps run in a thread.

        Args and Raises are those of :meth:`infer_now`, and:

        Raises:
            OverloadedError: Too many requests wait, or this one has waited too long.
        """
        light = _is_light(servable, body, json_bytes)
        if light:
            query = self._read(servable, body, json_bytes)
        else:
            query = await off_loop(len(body), self._read, servable, body, json_bytes)
        timing.parse_ended()
        timing.rows = query.rows

        def write(values: list[Any]) -> Response:
            return write_response(servable, query, pick_results(servable, query, values))

        response = await self.run(servable, query, write, timing)
        timing.finish()
        return response

    async def run(
        self,
        servable: Servable,
        query: Query,
        finish: Callable[[list[Any]], T],
        timing: Timing,
    ) -> T:
        """Run a query; ``finish`` makes the answer from the value of each requested output."""
        has_run = False

        def finish_run(values: list[Any]) -> T:
            nonlocal has_run
            has_run = True
            timing.labels = count_labels(servable, query, values)
            timing.answer(query.feeds, query.names, values)
            return finish(values)

        try:
            return await self._dispatcher.run(
                servable, query.names, query.feeds, timing, finish_run
            )
        except InferenceError as error:
            if has_run:
                raise
            raise explain_failure(servable, error) from error

    def _read(self, servable: Servable, body: bytes, json_bytes: int | None) -> Query:
        return read_request(
            servable.signature,
            body,
            json_bytes,
            max_rows=self.max_rows,
            max_strings=self.max_strings,
        )


def _is_light(servable: Servable, body: bytes, json_bytes: int | None) -> bool:
    """Whether a body is short, JSON that is not read in pieces, or little JSON before numbers."""
    if len(body) <= (WHOLE_BYTES if json_bytes is None else INLINE_BYTES):
        return True
    if json_bytes is None or json_bytes > INLINE_BYTES or len(body) > _COPIED_BYTES:
        return False
    return all(spec.datatype != "BYTES" for spec in servable.signature.inputs)


def _count_values(query: Query) -> int:
    return sum(array.size for array in query.feeds.values())


def count_labels(servable: Servable, query: Query, values: list[Any]) -> Mapping[Any, int] | None:
    """Count each predicted class; ``None`` if the request does not ask for the labels."""
    contract, names = servable.contract, query.names
    if servable.targets:
        return count_targets(servable.targets, names, values)
    if contract is not None:
        label = contract.outputs.label if contract.classes is not None else None
    else:
        label = servable.signature.outputs[0].name if is_classifier(servable) else None
    if label is None or label not in names:
        return None
    labels = values[names.index(label)]
    return servable.labels.count(labels) if isinstance(labels, np.ndarray) else None


def explain_failure(servable: Servable, error: InferenceError) -> Exception:
    """Return the error of a failed run: the server's with a contract, else the caller's.

    Without a contract, the signature does not say which values and variable dimensions go
    together. If an input that fits the signature fails, the caller must fix it.
    """
    if servable.contract is not None:
        return error
    return RequestError(f"model '{servable.name}' cannot be run on these inputs: {error}")
