"""The state of the copies from an object store as Prometheus metric families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.telemetry.prometheus import families as family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from inference.repository.replicated_state import StateAge
    from inference.storage.status import SyncStatus
    from inference.telemetry.prometheus.family import Family

    Series = dict[tuple[str, ...], float]


def collect_state(age: StateAge | None) -> Metric:
    """Return the age of the state; without a series if it is in no bucket."""
    return _fill(family.STATE_AGE, {(): age.seconds} if age else {})


def collect_sync(sync: SyncStatus | None) -> Iterator[Metric]:
    """Return the families; without series if no models are copied from a store."""
    yield _fill(family.SYNC_STATE, {(sync.state,): 1.0} if sync else {})
    yield _fill(family.SYNC_SUCCESS, {(): sync.last_success} if sync and sync.last_success else {})
    yield _fill(family.SYNC_VERSIONS, {(): float(sync.versions)} if sync else {})
    yield _fill(family.SYNC_COPIED, {(): sync.copied_versions} if sync else {})
    yield _fill(family.SYNC_BYTES, {(): sync.copied_bytes} if sync else {})
    passes: Series = {}
    if sync:
        passes = {("ok",): sync.passes - sync.failed_passes, ("failed",): sync.failed_passes}
    yield _fill(family.SYNC_PASSES, passes)


def _fill(kind: Family, series: Series) -> Metric:
    made = kind.make()
    for labels, value in series.items():
        made.add_metric(labels, value)
    metric: Metric = made
    return metric
