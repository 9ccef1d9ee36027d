"""The gates of a promotion: what was measured of the new version, and whether it may be pinned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from inference.telemetry.rollout_counts import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inference.repository.snapshot import Model
    from inference.repository.traffic.choice import Gates, Traffic
    from inference.telemetry.rollout_counts import Key


class Measures(NamedTuple):
    """What was measured since a traffic began.

    Attributes:
        rows: Rows of the new version, failed ones included.
        failed: Rows (of a shadow) or requests that it failed.
        different: Rows that a shadow answered with another label.
        disagreement: See :class:`Gates`; ``None`` without a shadow, and before it had a row.
        p99_ratio: See :class:`Gates`; ``None`` before both versions were measured.
        error_rate: See :class:`Gates`.
        dropped: Rows that a shadow did not get.
        difference: Mean over the rows of a shadow of the largest difference of a number: of the
            probabilities, by class, or of the values; ``None`` before a row was compared.
    """

    rows: float
    failed: float
    different: float
    disagreement: float | None
    p99_ratio: float | None
    error_rate: float
    dropped: float
    difference: float | None = None


class Verdict(NamedTuple):
    """The end of a rollout.

    Attributes:
        is_promoted: Whether the new version is pinned, or the old one.
        gate: The gate that is broken; empty if all hold.
        value: What was measured for it.
        limit: What it permits.
    """

    is_promoted: bool
    gate: str = ""
    value: float = 0.0
    limit: float = 0.0


def measure(model: Model, traffic: Traffic, tallies: Mapping[Key, Tally]) -> Measures:
    """Compare the new version of a traffic with all that answer beside it."""
    new, old = Tally(), Tally()
    for version, tally in _compared(model, traffic, tallies):
        if version == traffic.new_version:
            new += tally
        else:
            old += tally
    answered = new.rows if traffic.shadow is not None else new.requests
    total = answered + new.failed
    slow, usual = new.p99_seconds, old.p99_seconds
    return Measures(
        rows=new.rows + new.failed,
        failed=new.failed,
        different=new.different,
        disagreement=_disagreement(model, new) if traffic.shadow is not None else None,
        p99_ratio=None if slow is None or usual is None else slow / usual,
        error_rate=new.failed / total if total else 0.0,
        dropped=new.dropped,
        difference=new.difference / new.rows if traffic.shadow is not None and new.rows else None,
    )


def measure_p99_seconds(
    model: Model, traffic: Traffic, tallies: Mapping[Key, Tally]
) -> dict[int, float]:
    """Return the p99 of each version whose requests, or runs beside a shadow, were timed."""
    found = ((v, tally.p99_seconds) for v, tally in _compared(model, traffic, tallies))
    return {version: seconds for version, seconds in sorted(found) if seconds is not None}


def _compared(
    model: Model, traffic: Traffic, tallies: Mapping[Key, Tally]
) -> Iterator[tuple[int, Tally]]:
    """Yield what was counted of each version since a traffic began."""
    kind = "shadow" if traffic.shadow is not None else "split"
    for key, tally in tallies.items():
        if key.model == model.name and key.traffic == traffic.id and key.kind == kind:
            yield int(key.version), tally


def judge(gates: Gates, found: Measures) -> Verdict | None:
    """Decide about a new version.

    A gate that cannot hold any more, whatever the rows to come, is broken at once.

    Returns:
        ``None`` if it is too early.
    """
    if found.rows < gates.after_rows:
        return _judge_early(gates, found)
    for gate, measured, limit in (
        ("max_error_rate", found.error_rate, gates.max_error_rate),
        ("max_disagreement", found.disagreement, gates.max_disagreement),
        ("max_p99_ratio", found.p99_ratio, gates.max_p99_ratio),
    ):
        if limit is None:
            continue
        if measured is None:
            return None  # some requests are timed soon
        if measured > limit:
            return Verdict(False, gate, measured, limit)
    return Verdict(True)


def _judge_early(gates: Gates, found: Measures) -> Verdict | None:
    """Return which gate is broken even if nothing is wrong with the rows to come."""
    for gate, count, measured, limit in (
        ("max_error_rate", found.failed, found.error_rate, gates.max_error_rate),
        (
            "max_disagreement",
            found.different + found.failed,
            found.disagreement,
            gates.max_disagreement,
        ),
    ):
        # Divided, not multiplied: 29 of 100 are 0.29, and 0.29 * 100 is less than 29.
        if limit is not None and count / gates.after_rows > limit:
            return Verdict(False, gate, measured or 0.0, limit)
    return None


def _disagreement(model: Model, new: Tally) -> float | None:
    """Return the share of rows that differ; a row that the shadow failed differs altogether."""
    rows = new.rows + new.failed
    if not rows:
        return None
    contract = model.active.contract if model.active is not None else None
    if contract is not None and contract.task in ("regression", "transformation"):
        if new.difference and not new.size_of_old:
            return math.inf
        ratio = new.difference / new.size_of_old if new.difference else 0.0
        return (ratio * new.rows + new.failed) / rows
    return (new.different + new.failed) / rows
