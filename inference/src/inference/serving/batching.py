"""Greedy batching: while one batch runs, the requests that arrive form the next.

There is no waiting window. Each servable has a batcher. If a batch fails or takes much longer than
expected, each of its requests runs alone, so that only a bad request fails. A request whose client
has left is skipped, and a run is ended once all of its clients have left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from inference.model.servable import Servable
    from inference.telemetry.timing import Timing

    Feeds = dict[str, Any]
    Outputs = Sequence[str] | None
    # Runs a servable in a worker thread, with a limit in seconds; None for the limit of any run.
    InThread = Callable[[Servable, Outputs, Feeds, float | None], Awaitable[list[Any]]]

# The time limit of a batch: this, plus ten times the measured time of the largest batch.
_BATCH_SECONDS = 1.0
_MEASURED_TIMES = 10


class QueuedRequest(msgspec.Struct):
    """One request that waits for its run."""

    servable: Servable
    outputs: Outputs
    feeds: Feeds
    rows: int
    timing: Timing
    result: asyncio.Future[list[Any]]


class Batcher:
    """The queue of one servable.

    Args:
        max_rows: The most rows in one batch.
        in_thread: Runs the servable in a worker thread.
    """

    def __init__(self, max_rows: int, in_thread: InThread) -> None:
        self._max_rows = max_rows
        self._in_thread = in_thread
        self._waiting: deque[QueuedRequest] = deque()
        self._running: list[QueuedRequest] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(
        self, servable: Servable, outputs: Outputs, feeds: Feeds, rows: int, timing: Timing
    ) -> list[Any]:
        """Queue a request, and return its own rows of the results."""
        loop = asyncio.get_running_loop()
        waiting = QueuedRequest(servable, outputs, feeds, rows, timing, loop.create_future())
        self._waiting.append(waiting)
        if self._task is None:
            self._task = loop.create_task(self._drain())
        try:
            return await waiting.result
        except asyncio.CancelledError:
            self._end_if_left()
            raise

    async def _drain(self) -> None:
        try:
            while self._waiting:
                self._running = self._take()
                if self._running:
                    await self._run_unless_left(self._running)
        finally:
            self._task = None
            self._running = []

    async def _run_unless_left(self, batch: list[QueuedRequest]) -> None:
        try:
            await self._run(batch)
        except asyncio.CancelledError:
            if self._task is None or not all(waiting.result.done() for waiting in batch):
                raise
            self._task.uncancel()  # the next batch runs in the same task

    def _end_if_left(self) -> None:
        """End the present run if no request waits for it."""
        is_left = all(waiting.result.done() for waiting in self._running)
        if self._task is not None and self._running and is_left:
            self._task.cancel()

    def _take(self) -> list[QueuedRequest]:
        """Take what fits into one batch: same outputs, same shape of a row."""
        batch: list[QueuedRequest] = []
        rows = 0
        while self._waiting:
            following = self._waiting[0]
            if following.result.done():  # its client has left
                self._waiting.popleft()
                continue
            full = rows + following.rows > self._max_rows
            if batch and (full or not _is_alike(batch[0], following)):
                break
            batch.append(self._waiting.popleft())
            rows += following.rows
        return batch

    async def _run(self, batch: list[QueuedRequest]) -> None:
        for waiting in batch:
            waiting.timing.run_began()
        first = batch[0]
        total = sum(waiting.rows for waiting in batch)
        try:
            if len(batch) == 1:
                parts = [await self._in_thread(first.servable, first.outputs, first.feeds, None)]
            else:
                joined = {
                    name: np.concatenate([waiting.feeds[name] for waiting in batch])
                    for name in first.feeds
                }
                seconds = _batch_seconds(first.servable)
                results = await self._in_thread(first.servable, first.outputs, joined, seconds)
                parts = _split(results, [waiting.rows for waiting in batch])
        except Exception as error:  # noqa: BLE001 - the batcher must survive any failing batch
            if len(batch) == 1:
                _fail(first, error)
                return
            # Side by side, so that a slow request does not delay the others.
            alone = [self._run_alone(waiting) for waiting in batch if not waiting.result.done()]
            await asyncio.gather(*alone)
            return
        for waiting, part in zip(batch, parts, strict=True):
            waiting.timing.run_ended()
            waiting.timing.run_rows = total
            if not waiting.result.done():
                waiting.result.set_result(part)

    async def _run_alone(self, waiting: QueuedRequest) -> None:
        await self._run([waiting])
        self._end_if_left()  # the clients of the others may have left before


def _batch_seconds(servable: Servable) -> float:
    measured_us = max(servable.plan.cost_us.values(), default=0.0)
    return _BATCH_SECONDS + _MEASURED_TIMES * measured_us * 1e-6


def _is_alike(one: QueuedRequest, other: QueuedRequest) -> bool:
    return one.outputs == other.outputs and all(
        array.shape[1:] == other.feeds[name].shape[1:] for name, array in one.feeds.items()
    )


def _split(results: list[Any], rows: list[int]) -> list[list[Any]]:
    """Return, for each request, its rows of every output.

    Raises:
        InferenceError: An output has not one row per input row.
    """
    total = sum(rows)
    if any(len(result) != total for result in results):
        raise InferenceError("an output has not one row per input row")
    ends = np.cumsum(rows).tolist()
    return [
        [result[end - count : end] for result in results]
        for end, count in zip(ends, rows, strict=True)
    ]


def _fail(waiting: QueuedRequest, error: BaseException) -> None:
    if not waiting.result.done():
        waiting.result.set_exception(error)
