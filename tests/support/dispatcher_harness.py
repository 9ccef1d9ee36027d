"""A dispatcher, a servable whose runs the test ends, and the requests that use it."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from inference.model.plan import Plan
from inference.serving.dispatcher import Dispatcher
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.fake_servable import FakeServable, feeds

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence


BATCHED = Plan(mode="thread", max_batch_rows=8)


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for at most half a minute."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


class Bench:
    """A dispatcher, a servable, and those who ask it."""

    def __init__(self, plan: Plan = BATCHED, **settings: Any) -> None:
        self.waiting = Counters("waiting", 1)
        self.dispatcher = Dispatcher(Settings(**settings), self.waiting)
        self.servable = FakeServable(plan)

    def ask(
        self,
        *values: float,
        width: int = 2,
        outputs: Sequence[str] | None = None,
        timing: Timing | None = None,
        servable: Any = None,
    ) -> asyncio.Task[list[Any]]:
        asked: Any = servable or self.servable
        given = feeds(*values, width=width)
        timing = timing or Timing()
        timing.rows = len(values)
        return asyncio.create_task(self.dispatcher.run(asked, outputs, given, timing, list))

    async def begin(self, *values: float, **more: Any) -> asyncio.Task[list[Any]]:
        """Ask, and wait until the run has begun."""
        task = self.ask(*values, **more)
        await self.wait_for_run()
        return task

    async def wait_for_run(self) -> None:
        """Wait until a further run has begun."""
        assert await asyncio.to_thread(self.servable.began.acquire, timeout=10)

    async def queue(self, count: int) -> None:
        """Wait until so many requests of the model wait or run."""
        while self.count() != count:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0)

    def count(self, model: str = "fake") -> float:
        return float(self.waiting.values[self.waiting.find((model,))])

    def release(self) -> None:
        self.servable.may_end.set()


def doubled(*values: float) -> list[list[float]]:
    return [[value * 2] * 2 for value in values]
