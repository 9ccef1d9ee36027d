"""The metrics of versions that share or shadow the traffic of a model."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from inference.telemetry.prometheus import families as family
from inference.telemetry.prometheus.version_limit import limit_versions
from inference.telemetry.rollout_counts import SHOWN_BOUNDS, SHOWN_STEP, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from inference.repository.snapshot import Snapshot
    from inference.telemetry.rollout_counts import Key


def collect_rollouts(snapshot: Snapshot, tallies: Mapping[Key, Tally]) -> Iterator[Metric]:
    """Return all families, also those without series.

    Args:
        snapshot: The models.
        tallies: What was counted; a metric has the sum over all traffic that a version has had.
    """
    shares = family.SHARE.make()
    for name, model in snapshot.models.items():
        if model.split is not None:
            for version, share in model.split.shares.items():
                shares.add_metric([name, str(version)], share / 100)
    yield shares
    yield from _shadows(tallies)


def _shadows(tallies: Mapping[Key, Tally]) -> Iterator[Metric]:
    series: dict[tuple[str, ...], list[float]] = {}
    for key, tally in tallies.items():
        if key.kind == "shadow":
            before = Tally(series[key[:2]]) if key[:2] in series else Tally()
            series[key[:2]] = (before + tally).values
    rows, different, difference, duration = (
        kind.make()
        for kind in (
            family.SHADOW_ROWS,
            family.SHADOW_DIFFERENT,
            family.SHADOW_DIFFERENCE,
            family.SHADOW_DURATION,
        )
    )
    for labels, values in limit_versions(series, 0).items():
        tally = Tally(values)
        if tally.rows or tally.failed or tally.dropped:  # else it is what was compared with
            for outcome, count in (
                ("answered", tally.rows),
                ("failed", tally.failed),
                ("dropped", tally.dropped),
            ):
                rows.add_metric([*labels, outcome], count)
            different.add_metric(labels, tally.different)
            difference.add_metric(labels, int(tally.rows), tally.difference)
        passed = list(accumulate(tally.buckets))
        bounds = [
            (f"{bound:g}", passed[place * SHOWN_STEP]) for place, bound in enumerate(SHOWN_BOUNDS)
        ]
        duration.add_metric(labels, [*bounds, ("+Inf", passed[-1])], tally.seconds)
    yield from (rows, different, difference, duration)
