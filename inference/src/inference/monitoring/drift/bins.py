"""The bins of one feature or answer: those of the contract, merged where they are too small."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.model.answers.distributions import is_consistent
from inference.monitoring.drift.psi import compute_psi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Histogram

    Array = np.ndarray[Any, Any]

# Rare categories share one bin. Each bin adds about 1 / rows to the PSI of equal distributions.
_SHOWN_VALUES = 20
_LEAST_SHARE = 0.01
_LEAST_ROWS, _LEAST_ROWS_PER_BIN = 200, 20
# Behind the bins, each with a cell of its own.
BELOW, ABOVE, UNSEEN, MISSING = range(4)
EXTRAS = 4


class Bin(NamedTuple):
    """One bin.

    Attributes:
        begin: Its smallest number; ``None`` for a value.
        end: Its largest number, which belongs to the next bin if there is one.
        value: Its category or label; ``None`` for numbers, and for all values that share a bin.
    """

    begin: float | None = None
    end: float | None = None
    value: Any = None


class Bins:
    """The bins of one feature or answer, and what training had in them.

    Args:
        name: Of the feature or target; empty for the only answer.
        bins: At least one.
        training: Training rows by bin; ``None`` if the contract does not say.
        missing: Training rows without a value; ``None`` if the contract does not say.
        takes_unseen: Whether there are values without a bin.

    Attributes:
        name: The same.
        bins: The same.
        training: The same.
    """

    def __init__(
        self,
        name: str,
        bins: Sequence[Bin],
        training: Sequence[float] | None,
        *,
        missing: int | None = None,
        takes_unseen: bool = False,
    ) -> None:
        self.name = name
        self.bins = bins
        self.training = training if training is not None and sum(training) > 0 else None
        self._missing = missing
        self._takes_unseen = takes_unseen

    @property
    def cells(self) -> int:
        """How many numbers are counted."""
        return len(self.bins) + EXTRAS

    def psi(self, counts: Array) -> float | None:
        """Return the PSI of served rows, by cell.

        Numbers outside the training range count in the outermost bins, because some of them are
        to be expected; where there is one bin only, they are bins of their own.

        Returns:
            ``None`` if the contract has no distribution, or if the rows are too few: chance alone
            would make the PSI of equal distributions large.
        """
        if self.training is None:
            return None
        served, extras = counts[: len(self.bins)].copy(), counts[len(self.bins) :]
        training = list(self.training)
        further: list[tuple[float, float]] = []
        if len(self.bins) > 1:
            served[0] += extras[BELOW]
            served[-1] += extras[ABOVE]
        else:
            further += [(0.0, extras[BELOW]), (0.0, extras[ABOVE])]
        if self._takes_unseen:
            further.append((0.0, extras[UNSEEN]))
        if self._missing is not None:
            further.append((self._missing, extras[MISSING]))
        training += [before for before, _ in further]
        served = np.concatenate([served, [now for _, now in further]])
        if not served.sum() > 0 or not sum(training) > 0:
            return None
        return compute_psi(training, served)

    def least_rows(self) -> int:
        """Return from how many rows on the PSI says something."""
        return max(_LEAST_ROWS, _LEAST_ROWS_PER_BIN * (len(self.bins) + 1))


class NumberBins(Bins):
    """Bins of numbers.

    Args:
        name: Of the feature or target.
        histogram: Of the training; ``None`` if the contract has none.
        limits: The training range, where it is known.
        dtype: Of the values served, in which bins may coincide.
        missing: Training rows without a value.

    Attributes:
        inner: Where each bin but the first begins.
        low: The smallest number that is not out of range.
        high: The largest.
    """

    def __init__(
        self,
        name: str,
        histogram: Histogram | None,
        limits: tuple[float | None, float | None],
        dtype: np.dtype[Any],
        missing: int | None = None,
    ) -> None:
        known = histogram if histogram is not None and is_consistent(histogram) else None
        low, high = limits
        if known is not None:
            low = known.edges[0] if low is None else low
            high = known.edges[-1] if high is None else high
        bounds = _round([-np.inf if low is None else low, np.inf if high is None else high], dtype)
        self.low, self.high = bounds.tolist()
        edges = _round(known.edges if known else [self.low, self.high], dtype)
        inner: list[float] = []
        counts = [0.0]
        begin = edges[0]
        for edge, count in zip(edges[1:-1], known.counts if known else (), strict=False):
            counts[-1] += count
            if edge > begin:  # else no number can be in the bin: it is part of the next
                inner.append(float(edge))
                counts.append(0.0)
                begin = edge
        self.inner = inner
        if known:
            counts[-1] += known.counts[-1]
        ends = [self.low, *inner, self.high]
        bins = [Bin(*pair) for pair in pairwise(ends)]
        super().__init__(name, bins, counts if known else None, missing=missing)


class ValueBins(Bins):
    """Bins of categories, booleans or labels: one for each that is frequent, one for the others.

    Args:
        name: Of the feature or target.
        values: All that are known, as a caller sees them.
        counts: Training rows of each; ``None`` if the contract does not say.
        missing: Training rows without a value.
        takes_unseen: Whether others than the known values may be served.

    Attributes:
        places: The bin of each of the values.
    """

    def __init__(
        self,
        name: str,
        values: Sequence[Any],
        counts: Sequence[int] | None,
        *,
        missing: int | None = None,
        takes_unseen: bool,
    ) -> None:
        known = range(len(values))
        total = sum(counts or ())
        if counts is not None:
            ranked = sorted(known, key=lambda place: -counts[place])[:_SHOWN_VALUES]
            least = _LEAST_SHARE * total
            shown = sorted(place for place in ranked if counts[place] >= least)
        else:
            shown = list(known[:_SHOWN_VALUES])
        by_value = {place: at for at, place in enumerate(shown)}
        self.places = [by_value.get(place, len(shown)) for place in known]
        bins = [Bin(value=values[place]) for place in shown]
        training = None if counts is None else [float(counts[place]) for place in shown]
        if len(shown) < len(values) or not shown:
            bins.append(Bin())
            if training is not None:
                training.append(float(total) - sum(training))
        super().__init__(name, bins, training, missing=missing, takes_unseen=takes_unseen)


def _round(numbers: Sequence[float], dtype: np.dtype[Any]) -> Array:
    """Round numbers to the type in which values are served; whole numbers need no rounding."""
    array = np.asarray(numbers, dtype=np.float64)
    if dtype.kind != "f" or dtype.itemsize >= array.itemsize:
        return array
    limits = np.finfo(dtype)
    finite = np.isfinite(array)
    array[finite] = array[finite].clip(float(limits.min), float(limits.max))
    return array.astype(dtype).astype(np.float64)
