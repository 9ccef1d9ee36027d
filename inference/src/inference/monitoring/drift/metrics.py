"""The drift of all loaded versions as Prometheus metric families."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from inference.repository.snapshot import Snapshot
from inference.telemetry.answer_counts import OTHER, SHOWN_FEATURES
from inference.telemetry.prometheus.drift_families import DRIFT_FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from inference.model.servable import Servable
    from inference.monitoring.drift.report import DriftReports


class DriftCollector(Collector):
    """Collects the metrics of drift.

    Args:
        reports: The drift; ``None`` if it is not watched.

    Attributes:
        snapshot: The models; set it before each collection.
    """

    def __init__(self, reports: DriftReports | None) -> None:
        self._reports = reports
        self.snapshot = Snapshot()

    def collect(self) -> Iterator[Metric]:
        """Return every family, also those without series."""
        psi, answers, values = (kind.make() for kind in DRIFT_FAMILIES)
        if self._reports is not None:
            for servable in self._reports.known(_loaded(self.snapshot)):
                labels = servable.name, str(servable.version)
                report = self._reports.report(servable)
                if report is None:
                    continue
                for feature in report.features[:SHOWN_FEATURES]:
                    if feature.psi is not None:
                        psi.add_metric([*labels, feature.name], feature.psi)
                if report.answers.psi is not None:
                    answers.add_metric(labels, report.answers.psi)
                for (name, kind), count in _add_up(self._reports.totals(servable)).items():
                    values.add_metric([*labels, name, kind], count)
        yield from (psi, answers, values)


def _loaded(snapshot: Snapshot) -> Iterator[Servable]:
    for model in snapshot.models.values():
        for version in model.versions.values():
            if version.servable is not None:
                yield version.servable


def _add_up(totals: list[tuple[str, dict[str, float]]]) -> dict[tuple[str, str], float]:
    """Add up the features that have no series of their own."""
    added: dict[tuple[str, str], float] = defaultdict(float)
    for place, (name, kinds) in enumerate(totals):
        for kind, count in kinds.items():
            added[name if place < SHOWN_FEATURES else OTHER, kind] += count
    return added
