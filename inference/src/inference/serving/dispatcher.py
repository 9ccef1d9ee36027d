"""Where a run happens: on the event loop, in a worker thread, or in a batch.

The servable's plan decides. Requests that wait are counted: past the limits the answer is 503 at
once, so that accepted requests keep their latency. Explanations have smaller limits of their own,
and one runs at a time: they never refuse predictions, and one thread at most competes with the loop
for the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from inference.errors import OverloadedError, RunTimeoutError
from inference.model.plan import ANY_TEXT
from inference.runtime.threads import off_loop
from inference.serving.batching import Batcher
from inference.serving.runner import Runner
from inference.serving.waiting import Waiting
from inference.telemetry.counters import Counters

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.model.session import Stop
    from inference.settings import Settings
    from inference.telemetry.timing import Timing

# To encode as many takes longer than a thread hop.
_INLINE_ELEMENTS = 4 * 1024
_BYTES_PER_ELEMENT = 20  # of a number in JSON
_MAX_JOBS = 64
_MAX_JOBS_PER_MODEL = 16

T = TypeVar("T")
Run = Callable[["Sequence[str] | None", dict[str, Any]], list[Any]]


def _ignore(_: str) -> None:
    """Ignore that this process should be replaced."""


class Dispatcher:
    """Runs servables for the predict routes and for the Open Inference Protocol.

    Args:
        settings: The limits on waiting.
        waiting: Counts the waiting requests by model.
        retire: Called with the reason when this process has to be replaced.
    """

    def __init__(
        self, settings: Settings, waiting: Counters, retire: Callable[[str], None] = _ignore
    ) -> None:
        most, most_per_model = settings.max_queued, settings.max_queued_per_model
        self._requests = Waiting("requests", most, most_per_model, waiting)
        jobs = Counters("jobs", 1)
        self._jobs = Waiting("explanations", _MAX_JOBS, _MAX_JOBS_PER_MODEL, jobs)
        self._deadline_seconds = settings.deadline_seconds
        self._runner = Runner(settings, retire)
        self._batchers: weakref.WeakKeyDictionary[Servable, Batcher] = weakref.WeakKeyDictionary()
        self._turns: weakref.WeakKeyDictionary[Servable, asyncio.Lock] = weakref.WeakKeyDictionary()
        self._turn = asyncio.Lock()

    def is_inline(self, servable: Servable, rows: int, feeds: dict[str, Any]) -> bool:
        """Whether a run is cheap enough for the loop.

        Args:
            servable: The model to run.
            rows: The length of its longest input.
            feeds: Its arrays.
        """
        plan = servable.plan
        if rows > plan.inline_rows:
            return False
        if plan.inline_text == ANY_TEXT:
            return True
        longest = (max(map(len, feeds[name].flat), default=0) for name in servable.text_inputs)
        return rows * sum(longest) <= plan.inline_text

    def run_inline(
        self,
        servable: Servable,
        outputs: Sequence[str] | None,
        feeds: dict[str, Any],
        timing: Timing,
    ) -> list[Any]:
        """Run a servable on the loop; only where :meth:`is_inline`."""
        timing.run_began()
        results = servable.run(outputs, feeds)
        timing.run_ended()
        return results

    async def run(
        self,
        servable: Servable,
        outputs: Sequence[str] | None,
        feeds: dict[str, Any],
        timing: Timing,
        finish: Callable[[list[Any]], T],
    ) -> T:
        """Run a servable.

        Args:
            servable: The model to run.
            outputs: Names of the outputs wanted, ``None`` for all.
            feeds: An array per input.
            timing: Has the number of rows; records when the run begins and ends.
            finish: Makes the answer from one value per output; called on the loop when the values
                are few, else in a worker thread.

        Returns:
            The answer.

        Raises:
            InferenceError: The model failed.
            OverloadedError: Too many requests wait, or this one has waited too long.
            RunTimeoutError: Its run took too long.
            TooLargeError: Its run takes too much memory, or its outputs are too large.
        """
        if self.is_inline(servable, longest(servable, timing.rows, feeds), feeds):
            return await _finish(finish, self.run_inline(servable, outputs, feeds, timing))
        wait = partial(self._wait, servable, outputs, feeds, timing, finish)
        return await self._within_limits(self._requests, servable, timing, wait)

    async def work(self, servable: Servable, job: Callable[[Run], T], timing: Timing) -> T:
        """Call something that runs a servable several times, in a worker thread.

        One job runs at a time. Models take turns, however many jobs each has. Waiting jobs have
        limits of their own, and do not count as waiting requests.

        Args:
            servable: The model to run.
            job: Called with what runs the servable: takes outputs and feeds, returns the results.
                All its runs together have the time of one, and each has the other limits.
            timing: Records when the job begins and ends.

        Returns:
            What the job returns. Raises are those of :meth:`run`.
        """

        def call(stop: Stop) -> T:
            timing.run_began()
            result = job(partial(self._runner.results, servable, stop=stop))
            timing.run_ended()
            return result

        async def take_turn() -> T:
            turn = self._turns.get(servable)
            if turn is None:
                turn = self._turns[servable] = asyncio.Lock()
            async with turn, self._turn:
                return await self._runner.run(servable, call)

        return await self._within_limits(self._jobs, servable, timing, take_turn)

    async def _within_limits(
        self,
        waiting: Waiting,
        servable: Servable,
        timing: Timing,
        wait: Callable[[], Awaitable[T]],
    ) -> T:
        waiting.enter(servable.name)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await wait()
        except TimeoutError:
            reason = (
                f"model '{servable.name}' did not answer within {self._deadline_seconds:g} seconds "
                "(INFERENCE_DEADLINE_SECONDS)"
            )
            has_begun = timing.began > timing.parsed
            raise (RunTimeoutError if has_begun else OverloadedError)(reason) from None
        finally:
            waiting.leave(servable.name)

    def close(self) -> None:
        """End all runs and release the worker threads."""
        self._runner.close()

    async def _wait(
        self,
        servable: Servable,
        outputs: Sequence[str] | None,
        feeds: dict[str, Any],
        timing: Timing,
        finish: Callable[[list[Any]], T],
    ) -> T:
        most = servable.plan.max_batch_rows
        if timing.rows < most and all(len(array) == timing.rows for array in feeds.values()):
            batcher = self._batchers.get(servable)
            if batcher is None:
                batcher = self._batchers[servable] = Batcher(most, self._in_thread)
            results = await batcher.ask(servable, outputs, feeds, timing.rows, timing)
            return await _finish(finish, results)

        def run(stop: Stop) -> T:
            timing.run_began()
            results = self._runner.results(servable, outputs, feeds, stop)
            timing.run_ended()
            return finish(results)

        return await self._runner.run(servable, run)

    async def _in_thread(
        self,
        servable: Servable,
        outputs: Sequence[str] | None,
        feeds: dict[str, Any],
        seconds: float | None,
    ) -> list[Any]:
        def run(stop: Stop) -> list[Any]:
            return self._runner.results(servable, outputs, feeds, stop)

        return await self._runner.run(servable, run, seconds)


def longest(servable: Servable, rows: int, feeds: dict[str, Any]) -> int:
    """Return the length of the longest input; inputs of different lengths count as one row."""
    if len(feeds) == 1:
        return rows
    inputs = servable.signature.inputs
    lengths = (len(feeds[s.name]) for s in inputs if s.shape and s.shape[0] == -1)
    return max(lengths, default=rows)


def is_small(values: list[Any]) -> bool:
    """Whether results, arrays or lists of maps, can be encoded on the loop."""
    return _count(values) <= _INLINE_ELEMENTS


def _count(values: list[Any]) -> int:
    return sum(map(_size, values))


def _size(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.size
    if not isinstance(value, list):  # None, for an optional output
        return 0
    if value and isinstance(value[0], np.ndarray):
        return sum(part.size for part in value)
    is_table = isinstance(value, list) and value and isinstance(value[0], dict)
    return len(value) * len(value[0]) if is_table else 0


async def _finish(finish: Callable[[list[Any]], T], results: list[Any]) -> T:
    elements = _count(results)
    if elements <= _INLINE_ELEMENTS:
        return finish(results)
    return await off_loop(_BYTES_PER_ELEMENT * elements, finish, results)
