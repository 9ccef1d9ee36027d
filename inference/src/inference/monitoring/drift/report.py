"""What is known of the drift of one version, as a document."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from inference.monitoring.drift.bins import ABOVE, BELOW, MISSING, UNSEEN
from inference.monitoring.drift.counter import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    import numpy as np

    from inference.model.servable import Servable
    from inference.monitoring.drift.bins import Bin
    from inference.monitoring.drift.counter import DriftCounter
    from inference.monitoring.drift.layout import Place
    from inference.monitoring.drift.window import Counted, Windows

    Array = np.ndarray[Any, Any]


class BinShare(msgspec.Struct, frozen=True, omit_defaults=True):
    """One bin of a feature or answer.

    Attributes:
        training: Share of the training rows that have a value; ``None`` if it is unknown.
        served: Share of the served rows that have a value; ``None`` without rows.
        begin: Where the bin begins, ``from`` in JSON; ``None`` for values.
        end: Where it ends, ``to`` in JSON; ``None`` for values.
        value: The category or label; ``None`` for numbers.
        others: Whether the bin is of all values that have none of their own.
    """

    training: float | None
    served: float | None
    begin: float | None = msgspec.field(name="from", default=None)
    end: float | None = msgspec.field(name="to", default=None)
    value: str | None = None
    others: bool = False


class DistributionDrift(msgspec.Struct, frozen=True):
    """How far one feature or answer is from training.

    Attributes:
        name: Of the feature or target; empty for the only answer.
        psi: The population stability index; ``None`` if the contract has no distribution, or if
            there are too few rows.
        missing: Share of the served rows without a value.
        unseen: Share of the values that training did not have (categories and labels).
        out_of_range: Share of the values outside the training range (numbers).
        bins: Training against served.
    """

    name: str
    psi: float | None
    missing: float
    unseen: float
    out_of_range: float
    bins: list[BinShare]


class AnswersDrift(msgspec.Struct, frozen=True):
    """How far the answers are from those to the training rows.

    Attributes:
        psi: The largest of the targets; ``None`` if none has one.
        targets: One, or one for each of several targets; none for vectors.
    """

    psi: float | None
    targets: list[DistributionDrift]


class DriftReport(msgspec.Struct, frozen=True):
    """The drift of one version.

    Attributes:
        model: Its name.
        version: Its version.
        since: When the first row of the window was served, as ISO 8601; ``None`` without rows.
        rows: Served rows in the window.
        examined: Rows that were looked at, at random; fewer under a high rate.
        features: In the order of the contract, the first 500.
        answers: Of the labels or values.
    """

    model: str
    version: int
    since: str | None
    rows: int
    examined: int
    features: list[DistributionDrift]
    answers: AnswersDrift


class DriftReports:
    """Reports the drift of servables, from the counts of all workers.

    Args:
        windows: Where they are.
        counter: Knows what is counted.
    """

    def __init__(self, windows: Windows, counter: DriftCounter) -> None:
        self._windows = windows
        self._counter = counter

    def known(self, servables: Iterable[Servable]) -> list[Servable]:
        """Return those of which anything was counted."""
        keys = self._windows.keys()
        return [
            servable for servable in servables if self._windows.encode(key_of(servable)) in keys
        ]

    def report(self, servable: Servable) -> DriftReport | None:
        """Return the drift of a servable; ``None`` if it has no contract."""
        layout = self._counter.layout(servable)
        if layout is None:
            return None
        counted = self._windows.window(key_of(servable), layout.cells)
        targets = [_describe(place, counted) for place in layout.answers]
        known = [target.psi for target in targets if target.psi is not None]
        return DriftReport(
            model=servable.name,
            version=servable.version,
            since=None if counted is None else _write_time(self._windows.age(counted)),
            rows=0 if counted is None else round(counted.rows),
            examined=0 if counted is None else round(counted.examined),
            features=[_describe(place, counted) for place in layout.features],
            answers=AnswersDrift(max(known, default=None), targets),
        )

    def totals(self, servable: Servable) -> list[tuple[str, dict[str, float]]]:
        """Return how many values of each feature were served since the beginning, by kind."""
        layout = self._counter.layout(servable)
        if layout is None:
            return []
        counted = self._windows.total(key_of(servable), layout.cells)
        if counted is None:
            return []
        return [
            (place.bins.name, _kinds(place, counted.counts[place.cells]))
            for place in layout.features
        ]


def _kinds(place: Place, counts: Array) -> dict[str, float]:
    bins = len(place.bins.bins)
    extras = counts[bins:]
    return {
        "known": float(counts[:bins].sum()),
        "missing": float(extras[MISSING]),
        "unseen": float(extras[UNSEEN]),
        "out_of_range": float(extras[BELOW] + extras[ABOVE]),
    }


def _describe(place: Place, counted: Counted | None) -> DistributionDrift:
    bins = place.bins
    if counted is None:
        return DistributionDrift(bins.name, None, 0.0, 0.0, 0.0, _shares(place, None))
    counts = counted.counts[place.cells]
    kinds = _kinds(place, counts)
    total = sum(kinds.values())
    values = total - kinds["missing"]
    enough = counted.effective >= bins.least_rows()
    return DistributionDrift(
        name=bins.name,
        psi=bins.psi(counts) if enough else None,
        missing=_share(kinds["missing"], total),
        unseen=_share(kinds["unseen"], values),
        out_of_range=_share(kinds["out_of_range"], values),
        bins=_shares(place, counts),
    )


def _shares(place: Place, counts: Array | None) -> list[BinShare]:
    bins = place.bins
    training: Sequence[float | None] = [None] * len(bins.bins)
    if bins.training is not None:
        total = sum(bins.training)
        training = [count / total for count in bins.training]
    served: Sequence[float | None] = [None] * len(bins.bins)
    if counts is not None:
        extras = counts[len(bins.bins) :]
        values = float(counts.sum() - extras[MISSING])
        served = [_share(float(count), values) for count in counts[: len(bins.bins)]]
    return [_bin_share(*triple) for triple in zip(bins.bins, training, served, strict=True)]


def _bin_share(bin_: Bin, training: float | None, served: float | None) -> BinShare:
    begin, end = (_finite(number) for number in (bin_.begin, bin_.end))
    others = bin_.value is None and bin_.begin is None
    return BinShare(training, served, begin, end, bin_.value, others)


def _write_time(age_seconds: float) -> str:
    return datetime.fromtimestamp(time.time() - age_seconds, UTC).isoformat(timespec="seconds")


def _finite(number: float | None) -> float | None:
    return None if number is None or abs(number) == float("inf") else number


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
