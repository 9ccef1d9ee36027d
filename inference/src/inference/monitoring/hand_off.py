"""Hands served requests from the event loop to their consumers, in bulk and off the loop.

The event loop appends one tuple for each request, which takes a fraction of a microsecond. Some
time after the first of them, a thread of a lower priority takes what has been collected, and gives
it to every consumer in pieces, so that the loop never waits long for the interpreter's lock. What
comes in meanwhile is left for the next time: a batch of a few requests costs as much as one of a
hundred. While nothing is served, the thread waits without a timer.

What waits has a limit. Requests above it are dropped and counted; they are answered all the same.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from inference.logs import KEY_ID, REQUEST_ID, fields
from inference.monitoring.served import ServedBatch
from inference.monitoring.tap import Tap
from inference.runtime.threads import NoThreadError, lower_priority, start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.servable import Servable
    from inference.monitoring.served import Handed
    from inference.telemetry.timing import Timing

_log = logging.getLogger(__name__)

MAX_VALUES = 2 * 1024 * 1024  # that wait: of rows and answers, of 8 bytes or more
_REQUEST_VALUES = 64  # what a request takes beside its values
WAIT_SECONDS = 0.25  # how long a request may wait, for others to be handed on with it
_PIECE = 256  # requests that are handed on in one go
_CLOSE_SECONDS = 5.0  # for what is being handed on; a consumer that hangs must not hold a stop up
_PAUSE_SECONDS = 0.0005  # in which the event loop gets the interpreter's lock


_VALUES = itemgetter(4)  # of what was answered


class Consumer(Protocol):
    """Takes served requests.

    Attributes:
        needs_ids: Whether it needs the ids of requests and keys.
    """

    needs_ids: bool

    def consume(self, servable: Servable, batch: ServedBatch) -> None:
        """Take requests of one version, in the order of their answers.

        It is never called from two threads at once. An exception is logged once for each model,
        and the next batch is handed on all the same.
        """
        ...


class HandOff:
    """Collects served requests, and hands them on.

    Args:
        consumers: What takes them; without any, nothing is collected.
        on_drop: Called on the event loop for each request that is dropped.
        rate_of: Returns how many requests of one row and a version to take in a second, where the
            consumers are satisfied with a sample; by default, all are taken.
        max_values: How many values may wait, :data:`MAX_VALUES` by default.
        wait_seconds: How long a request may wait, :data:`WAIT_SECONDS` by default; less if much
            waits.

    Attributes:
        consumers: The same.
    """

    def __init__(
        self,
        consumers: Sequence[Consumer],
        on_drop: Callable[[], None] = lambda: None,
        rate_of: Callable[[Servable], float] | None = None,
        *,
        max_values: int | None = None,
        wait_seconds: float | None = None,
    ) -> None:
        self.consumers = consumers
        self._max_values = MAX_VALUES if max_values is None else max_values
        self._many_values = self._max_values // 2
        self._wait_seconds = WAIT_SECONDS if wait_seconds is None else wait_seconds
        self._on_drop = on_drop
        self._rate_of = rate_of
        self._taps: list[weakref.ref[Tap]] = []
        self._needs_ids = any(consumer.needs_ids for consumer in consumers)
        # Appended to by the event loop, cut by the thread: each is one step under the
        # interpreter's lock.
        self._waiting: list[Handed] = []
        self._added = self._taken = 0  # values; each is written by one thread
        self._is_awake = False
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._flushing = threading.Lock()
        self._has_failed: set[tuple[int, str]] = set()

    def tap(self, servable: Servable) -> Tap:
        """Make what takes the requests of a version; keep it as long as the version."""
        rate = None if self._rate_of is None else self._rate_of(servable)
        tap = Tap(self.append, rate, time.perf_counter())
        self._taps = [known for known in self._taps if known() is not None]
        self._taps.append(weakref.ref(tap))
        return tap

    def append(self, servable: Servable, timing: Timing, stands_for: float = 1.0) -> bool:
        """Hand on a request that was answered with 200; only on the event loop.

        Args:
            servable: What answered.
            timing: The request's clock, with its rows and results in ``served``; without them,
                nothing is handed on.
            stands_for: For how many requests it stands.

        Returns:
            Whether it is handed on; also if it has nothing to hand on.
        """
        served = timing.served
        if served is None:
            return True
        waiting = self._waiting
        added = self._added + served[4] + _REQUEST_VALUES
        if added - self._taken > self._many_values and self._is_full(added):
            self._on_drop()
            return False
        self._added = added
        if self._needs_ids:
            waiting.append((servable, timing, REQUEST_ID.get(), KEY_ID.get(), stands_for))
        else:
            waiting.append((servable, timing, None, None, stands_for))
        if not self._is_awake:
            self._wake_up()
        return True

    def flush(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Hand on all that waits, and return when every consumer has taken it, or after a time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._hand_on(seconds):
            pass

    def close(self) -> None:
        """Hand on all that waits, and end the thread."""
        self._ended.set()
        self._wake.set()
        self._hurry.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)
            if self._thread.is_alive():
                return
        self.flush()

    def _wake_up(self) -> None:
        self._is_awake = True
        self._wake.set()
        if self._thread is None and not self._ended.is_set():
            try:
                self._thread = start_thread(self._run, "monitoring")
            except NoThreadError:
                self._is_awake = False  # the next request tries again

    def _is_full(self, added: int) -> bool:
        self._hurry.set()
        return added - self._taken > self._max_values and bool(self._waiting)

    def _tell_taps(self, tell: Callable[[Tap, float], None]) -> None:
        now = time.perf_counter()
        for known in self._taps:
            tap = known()
            if tap is not None:
                tell(tap, now)

    def _run(self) -> None:
        lower_priority()
        while not self._ended.is_set():
            self._wake.wait()
            self._wake.clear()
            self._tell_taps(Tap.begin)
            self._hurry.wait(self._wait_seconds)
            self._hurry.clear()
            # A request that is appended from here on either is handed on now, or wakes again.
            self._is_awake = False
            left = len(self._waiting)
            self._tell_taps(Tap.adapt)
            while left > 0 and (handed := self._hand_on()):
                left -= handed
                self._ended.wait(_PAUSE_SECONDS)

    def _hand_on(self, seconds: float = -1) -> int:
        """Hand on a piece; return how many requests it had, 0 after a time."""
        if not self._flushing.acquire(timeout=seconds):
            return 0
        try:
            handed = self._waiting[:_PIECE]
            if not handed:
                return 0
            batch = ServedBatch(handed)
            for servable, requests in batch.by_servable().items():
                for consumer in self.consumers:
                    self._give(consumer, servable, requests)
            del self._waiting[: len(handed)]
            values = sum(map(_VALUES, batch.answered))
            self._taken += values + _REQUEST_VALUES * len(handed)
        finally:
            self._flushing.release()
        return len(handed)

    def _give(self, consumer: Consumer, servable: Servable, requests: ServedBatch) -> None:
        try:
            consumer.consume(servable, requests)
        except Exception as error:  # noqa: BLE001 - serving goes on whatever happens here
            if (id(consumer), servable.name) in self._has_failed:
                return
            self._has_failed.add((id(consumer), servable.name))
            name = type(consumer).__name__
            _log.exception(
                "%s failed on requests that model %s has answered, and further failures are not "
                "logged: %s",
                name,
                servable.name,
                type(error).__name__,
                extra=fields("monitoring-failed", consumer=name, model=servable.name),
            )
