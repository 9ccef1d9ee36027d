"""Take served requests: for shadows to be run, and how long the versions of a split take."""

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
    from inference.telemetry.rollout_counts import RolloutCounts


class SplitObserver:
    """Counts the requests of splits; a consumer of the hand-off.

    Args:
        snapshot: Returns the models as they were last; called in the consumer's thread.
        counts: Where requests are counted.
    """

    needs_ids = False

    def __init__(self, snapshot: Callable[[], Snapshot], counts: RolloutCounts) -> None:
        self._snapshot = snapshot
        self._counts = counts

    def consume(self, servable: Servable, batch: ServedBatch) -> None:
        """Count requests."""
        model = self._snapshot().models.get(servable.name)
        traffic = None if model is None else model.traffic
        if traffic is None or servable.version not in traffic.split:
            return
        key = Key(servable.name, str(servable.version), traffic.id, "split")
        self._counts.add(key, rows=sum(batch.rows))
        self._counts.observe(key, batch.seconds)


class ShadowObserver:
    """Runs shadows; a consumer of the hand-off.

    Args:
        snapshot: Returns the models as they were last; called in the consumer's thread.
        runner: Runs them.
    """

    needs_ids = False

    def __init__(self, snapshot: Callable[[], Snapshot], runner: ShadowRunner) -> None:
        self._snapshot = snapshot
        self._runner = runner

    def consume(self, servable: Servable, batch: ServedBatch) -> None:
        """Run the shadow of each request; takes as long as that takes."""
        job = _job(self._snapshot().models.get(servable.name), servable, batch)
        if job is not None:
            self._runner.run(job)


def _job(model: Model | None, servable: Servable, batch: ServedBatch) -> Job | None:
    """Return what is to be run; ``None`` if there is no shadow, or if it is not loaded now."""
    if model is None or model.traffic is None or model.traffic.shadow is None:
        return None
    version = model.versions.get(model.traffic.shadow.version)
    if version is None or version.servable is None or not _is_answering(model, servable):
        return None
    return Job(servable, version.servable, model.traffic.id, batch)


def _is_answering(model: Model, servable: Servable) -> bool:
    """Whether a version is one that the shadow was checked against."""
    if model.split is not None and model.traffic is not None:
        return servable.version in model.traffic.split
    return model.active is not None and servable.version == model.active.version
