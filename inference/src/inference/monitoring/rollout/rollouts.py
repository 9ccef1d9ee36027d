"""Follows the operator's choices: what is handed on to shadows, and counted of splits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from inference.monitoring.hand_off import HandOff
from inference.monitoring.rollout.feed import ShadowFeed
from inference.monitoring.rollout.observer import ShadowObserver, SplitObserver
from inference.monitoring.rollout.promotion import Promotion
from inference.monitoring.rollout.shadow import ShadowRunner
from inference.telemetry.rollout_counts import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from inference.repository.operator_state import StateFile
    from inference.repository.repository import Repository
    from inference.repository.traffic.choice import Decision, Traffic
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.request_latency import Tap

_log = logging.getLogger(__name__)

MAX_VALUES = 256 * 1024  # that wait for shadows, as the hand-off counts them
_TICK_SECONDS = 0.5


class Rollouts:
    """The shadows and splits of one process.

    Requests of models without a shadow and gates are not handed on, so they cost nothing.

    Args:
        settings: How long a run may take.
        repository: The models.
        state_file: Where a rollout that ends pins a version.
        recorder: Hands on what was answered, and counts what is found.
    """

    def __init__(
        self,
        settings: Settings,
        repository: Repository,
        state_file: StateFile,
        recorder: Recorder,
    ) -> None:
        self._repository = repository
        self._recorder = recorder
        self._promotion = Promotion(state_file, recorder)
        self._shadows = ShadowRunner(recorder.rollouts, settings.run_seconds)
        shadows = ShadowObserver(lambda: repository.latest, self._shadows)
        splits = SplitObserver(lambda: repository.latest, recorder.rollouts)
        self._to_shadows = HandOff([shadows], max_values=MAX_VALUES)
        self._to_splits = HandOff([splits], recorder.count_unwatched)
        self._feeds: dict[Key, ShadowFeed] = {}
        self._watched: dict[str, str] = {}  # the ids of the traffic, by model

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the choices while the context is open."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._recorder.latency.watch({})
            self._count_dropped()
            self._shadows.close()
            self._to_shadows.close()
            self._to_splits.close()

    def decisions(self) -> Mapping[str, Decision]:
        """Return how the last rollout of each model has ended, by model."""
        return self._repository.current().state.decisions

    def follow(self) -> None:
        """Look at the choices now."""
        traffic = self._repository.current().state.traffic
        chosen = {name: t for name, t in traffic.items() if t.shadow or t.promote}
        watched = {name: t.id for name, t in chosen.items()}
        self._count_dropped()
        if watched != self._watched:
            self._watched = watched
            self._feeds = {}
            self._recorder.latency.watch({n: self._watch(n, t) for n, t in chosen.items()})
        self._shadows.end_long_run()

    def _watch(self, name: str, traffic: Traffic) -> Tap:
        """Return what takes the requests of a model."""
        shadow = traffic.shadow
        if shadow is None:
            return self._to_splits
        feed = ShadowFeed(self._to_shadows.append, shadow.percent)
        self._feeds[Key(name, str(shadow.version), traffic.id, "shadow")] = feed
        return feed

    def _count_dropped(self) -> None:
        for key, feed in self._feeds.items():
            dropped = feed.pop_dropped()
            if dropped:
                self._recorder.rollouts.add(key, dropped=dropped)

    async def _run(self) -> None:
        while True:
            try:
                self.follow()
                await self._promotion.judge_all(self._repository.current())
            except Exception:  # noqa: BLE001 - requests are answered whatever happens here
                _log.exception("the traffic of models could not be followed; it is tried again")
            await asyncio.sleep(_TICK_SECONDS)
