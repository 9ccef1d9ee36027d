"""The scores of live versions as Prometheus metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.registry import Collector

from inference.telemetry.prometheus import families as family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from inference.monitoring.feedback.recent import RecentTruths

_FAMILIES = {
    "rows": family.LIVE_ROWS,
    "accuracy": family.LIVE_ACCURACY,
    "macro_f1": family.LIVE_F1,
    "mean_absolute_error": family.LIVE_MAE,
    "root_mean_squared_error": family.LIVE_RMSE,
}


class LiveCollector(Collector):
    """Collects the scores of the latest rows with a truth.

    Args:
        truths: The latest truths; ``None`` where nothing is logged.
    """

    def __init__(self, truths: RecentTruths | None) -> None:
        self._truths = truths

    def collect(self) -> Iterator[Metric]:
        """Return every family, also those without series."""
        scores = {} if self._truths is None else self._truths.scores()
        for name, kind in _FAMILIES.items():
            made: Any = kind.make()
            for (model, version), by_window in scores.items():
                for window, found in by_window.items():
                    value = getattr(found, name)
                    if value is not None:
                        made.add_metric((model, str(version), str(window)), float(value))
            yield made
