"""Runs passes until it is stopped: at intervals with jitter, after a failure at longer ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING

from inference.errors import StorageError
from inference.logs import fields
from inference.storage.sync import Pass

if TYPE_CHECKING:
    from inference.storage.copies import Copies
    from inference.storage.layout import Key
    from inference.storage.requests import FetchRequests
    from inference.storage.status import SyncStatus
    from inference.storage.sync import Synchronizer

logger = logging.getLogger(__name__)

_LONGEST_SECONDS = 60.0  # between two attempts while the store is away, or the interval
_JITTER = 0.2  # so that replicas that were started together do not ask together
_LOOK_SECONDS = 0.2  # how often requests of workers are looked for


class SyncLoop:
    """Keeps a models folder up to date.

    Args:
        synchronizer: Runs one pass.
        copies: The copies; a pass begins when their folder is locked.
        status: Where the result of each pass is noted.
        interval_seconds: The time between two passes.
        requests: Requests for single versions; ``None`` if there are none.
    """

    def __init__(
        self,
        synchronizer: Synchronizer,
        copies: Copies,
        status: SyncStatus,
        *,
        interval_seconds: float,
        requests: FetchRequests | None = None,
    ) -> None:
        self._synchronizer = synchronizer
        self._copies = copies
        self._status = status
        self._interval_seconds = interval_seconds
        self._requests = requests
        self._requested: set[Key] = set()  # by the last pass
        self._failures = 0
        self._is_away = False

    async def run(self, stop: asyncio.Event) -> None:
        """Run passes until ``stop`` is set; a pass that has begun is given up."""
        stopping = asyncio.ensure_future(stop.wait())
        while not stop.is_set():
            one = asyncio.ensure_future(self.run_once())
            await asyncio.wait({one, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not one.done():
                one.cancel()
                await asyncio.wait({one})
                break
            one.result()
            await self._pause(stop)
        stopping.cancel()

    async def run_once(self) -> Pass:
        """Run one pass.

        Returns:
            What it did; ``failures`` says what went wrong, also where the store is away.
        """
        self._requested = self._requests.pending() if self._requests else set()
        try:
            if not self._copies.try_lock():
                return self._ended(
                    Pass(failures=["another process copies into this folder"]), away=True
                )
            done = await self._synchronizer.run()
        except StorageError as error:
            return self._ended(Pass(failures=[str(error)]), away=True)
        except OSError as error:
            reason = f"the models folder cannot be used: {error.strerror or error}"
            return self._ended(Pass(failures=[reason]), away=True)
        if self._requests:
            self._requests.answer(self._requested)
        return self._ended(done, away=False)

    def _ended(self, done: Pass, *, away: bool) -> Pass:
        if away and not self._is_away:
            extra = fields("store-away", reason=done.failures[0])
            logger.warning(
                "%s; the copies stay, and it is tried again", done.failures[0], extra=extra
            )
        elif self._is_away and not away:
            logger.info("the store answers again", extra=fields("store-back"))
        self._is_away = away
        self._status.copied(len(done.copied), done.copied_bytes)
        self._failures = self._failures + 1 if done.failures else 0
        if done.failures:
            self._status.failed(away=away)
        else:
            self._status.succeeded(len(self._copies.all()))
        return done

    async def _pause(self, stop: asyncio.Event) -> None:
        """Wait for the next pass, for a request, or until it is stopped."""
        longest = max(_LONGEST_SECONDS, self._interval_seconds)
        seconds = min(longest, self._interval_seconds * 2.0 ** min(self._failures, 16))
        seconds *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(left, _LOOK_SECONDS))
                return
            if self._requests and self._requests.pending() - self._requested:
                return
