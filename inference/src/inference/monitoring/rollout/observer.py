"""Takes served requests: what a shadow is to run, and how long the versions of a split take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.monitoring.rollout.shadow import Job
from inference.telemetry.rollout_counts import Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.monitoring.rollout.shadow import ShadowRunner
    from inference.monitoring.served import ServedBatch
    from inference.repository.snapshot import Model, Snapshot
    from inference.repository.traffic.choice import Shadow, Traffic
    from inference.telemetry.rollout_counts import RolloutCounts

_STEP = (5**0.5 - 1) / 2  # of the share that a shadow gets, as in a split


class TrafficObserver:
    """A consumer of the hand-off.

    Args:
        snapshot: Returns the models as they were last; called in the consumer's thread.
        runner: Runs shadows.
        counts: Where requests of a split are counted.
    """

    needs_ids = False

    def __init__(
        self, snapshot: Callable[[], Snapshot], runner: ShadowRunner, counts: RolloutCounts
    ) -> None:
        self._snapshot = snapshot
        self._runner = runner
        self._counts = counts
        self._place = 0.0

    def consume(self, batch: ServedBatch) -> None:
        """Take requests."""
        snapshot = self._snapshot()
        if not snapshot.state.traffic:
            return
        for servable, group in batch.by_servable().items():
            model = snapshot.models.get(servable.name)
            if model is None or model.traffic is None:
                continue
            traffic = model.traffic
            if servable.version in traffic.split:
                self._count(servable, group, traffic)
            if traffic.shadow is not None and _is_answering(model, servable):
                self._hand_on(model, servable, group, traffic.shadow)

    def _count(self, servable: Servable, batch: ServedBatch, traffic: Traffic) -> None:
        key = Key(servable.name, str(servable.version), traffic.id, "split")
        self._counts.add(key, rows=sum(batch.rows))
        self._counts.observe(key, [served.seconds for served in batch])

    def _hand_on(self, model: Model, servable: Servable, batch: ServedBatch, by: Shadow) -> None:
        version = model.versions.get(by.version)
        traffic = model.traffic
        if version is None or version.servable is None or traffic is None:
            return  # it is loaded later, or is gone
        if by.percent < 100:
            batch = batch.choose([n for n in range(len(batch)) if self._is_chosen(by.percent)])
        rows = sum(batch.rows)
        if rows:
            self._runner.submit(Job(servable, version.servable, traffic.id, batch, rows))

    def _is_chosen(self, percent: float) -> bool:
        self._place = (self._place + _STEP) % 1.0
        return self._place < percent / 100


def _is_answering(model: Model, servable: Servable) -> bool:
    """Whether a version is one that the shadow was checked against."""
    if model.split is not None and model.traffic is not None:
        return servable.version in model.traffic.split
    return model.active is not None and servable.version == model.active.version
