"""Follows the operator's choices: what is handed on to shadows, and counted of splits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from inference.monitoring.hand_off import HandOff
from inference.monitoring.rollout.observer import TrafficObserver
from inference.monitoring.rollout.promotion import Promotion
from inference.monitoring.rollout.shadow import ShadowRunner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from inference.repository.operator_state import StateFile
    from inference.repository.repository import Repository
    from inference.repository.traffic.choice import Decision
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder

_log = logging.getLogger(__name__)

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
        observer = TrafficObserver(lambda: repository.latest, self._shadows, recorder.rollouts)
        consumers: list[Any] = [observer]
        self._hand_off = HandOff(consumers, recorder.count_unwatched)

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
            self._recorder.latency.watch(frozenset(), self._hand_off.append)
            self._shadows.close()
            self._hand_off.close()

    def decisions(self) -> Mapping[str, Decision]:
        """Return how the last rollout of each model has ended, by model."""
        return self._repository.current().state.decisions

    def follow(self) -> None:
        """Look at the choices now."""
        traffic = self._repository.current().state.traffic
        watched = frozenset(n for n, t in traffic.items() if t.shadow or t.promote)
        self._recorder.latency.watch(watched, self._hand_off.append)
        self._shadows.end_long_run()

    async def _run(self) -> None:
        while True:
            try:
                self.follow()
                await self._promotion.judge_all(self._repository.current())
            except Exception:  # noqa: BLE001 - requests are answered whatever happens here
                _log.exception("the traffic of models could not be followed; it is tried again")
            await asyncio.sleep(_TICK_SECONDS)
