"""Where a run happens: on the loop, in a worker thread, or in a batch with others'.

The servable's plan decides. What does not run at once is counted: past the limits the answer is
503 at once, so that what was accepted keeps its latency.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from inference.errors import OverloadedError
from inference.model.plan import granted_cpus
from inference.serving.lane import Lane
from inference.threads import make_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.servable import Servable
    from inference.serving.ledger import Ledger
    from inference.serving.timing import Timing
    from inference.settings import Settings

# To encode as many takes longer than a thread hop.
_INLINE_ELEMENTS = 4 * 1024

T = TypeVar("T")


class Dispatcher:
    """Runs servables, whoever asks: the predict routes and the Open Inference Protocol alike.

    Args:
        settings: The limits on waiting.
        waiting: Where the numbers of waiting requests are, by model.
    """

    def __init__(self, settings: Settings, waiting: Ledger) -> None:
        self._max_queued = settings.max_queued
        self._max_queued_per_model = settings.max_queued_per_model
        self._deadline_seconds = settings.deadline_seconds
        self._threads = make_threads(granted_cpus(), "inference")
        self._lanes: weakref.WeakKeyDictionary[Servable, Lane] = weakref.WeakKeyDictionary()
        self._waiting = waiting
        self._in_all = 0

    def is_inline(self, servable: Servable, rows: int) -> bool:
        """Tell whether so many rows are cheap enough for the loop."""
        return rows <= servable.plan.inline_rows

    def run_inline(
        self,
        servable: Servable,
        outputs: Sequence[str] | None,
        feeds: dict[str, Any],
        timing: Timing,
    ) -> list[Any]:
        """Run a servable on the loop; only what :meth:`is_inline`."""
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
            servable: What is asked.
            outputs: Names of the outputs wanted, ``None`` for all.
            feeds: An array per input.
            timing: Knows how many rows; told when the run began and ended.
            finish: Makes the answer of one value per output; called where these came about, on the
                loop when they are few, else in the thread.

        Returns:
            The answer.

        Raises:
            InferenceError: The model failed.
            OverloadedError: Too many requests wait, or this one has waited too long.
        """
        if self.is_inline(servable, timing.rows):
            return await _finish(finish, self.run_inline(servable, outputs, feeds, timing))
        self._enter(servable.name)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._wait(servable, outputs, feeds, timing, finish)
        except TimeoutError:
            raise OverloadedError(
                f"model '{servable.name}' did not answer within {self._deadline_seconds:g} seconds "
                "(INFERENCE_DEADLINE_SECONDS)"
            ) from None
        finally:
            self._leave(servable.name)

    def close(self) -> None:
        """Let the worker threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _wait(
        self,
        servable: Servable,
        outputs: Sequence[str] | None,
        feeds: dict[str, Any],
        timing: Timing,
        finish: Callable[[list[Any]], T],
    ) -> T:
        most = servable.plan.max_batch_rows
        if timing.rows < most:
            lane = self._lanes.get(servable)
            if lane is None:
                lane = self._lanes[servable] = Lane(most, self._in_thread)
            return await _finish(
                finish, await lane.submit(servable, outputs, feeds, timing.rows, timing)
            )

        def run() -> T:
            timing.run_began()
            results = servable.run(outputs, feeds)
            timing.run_ended()
            return finish(results)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def _in_thread(
        self, servable: Servable, outputs: Sequence[str] | None, feeds: dict[str, Any]
    ) -> list[Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, servable.run, outputs, feeds)

    def _enter(self, model: str) -> None:
        place = self._waiting.find((model,))
        waiting = self._waiting.values[place]
        if self._in_all >= self._max_queued or waiting >= self._max_queued_per_model:
            raise OverloadedError(
                f"{waiting:.0f} requests wait for model '{model}' and {self._in_all} in all: "
                "too many, try again later"
            )
        self._in_all += 1
        self._waiting.values[place] = waiting + 1

    def _leave(self, model: str) -> None:
        self._in_all -= 1
        self._waiting.values[self._waiting.find((model,))] -= 1


def is_small(values: list[Any]) -> bool:
    """Tell whether results can be encoded on the loop."""
    return sum(value.size for value in values if isinstance(value, np.ndarray)) <= _INLINE_ELEMENTS


async def _finish(finish: Callable[[list[Any]], T], results: list[Any]) -> T:
    return finish(results) if is_small(results) else await asyncio.to_thread(finish, results)
