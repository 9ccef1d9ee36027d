"""Where a slider begins and ends, and in which steps it moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inference.model.contract import Feature

_BEYOND = 0.15  # of the training range, on both sides
_STEPS = 200


class Scale(NamedTuple):
    """The values of a slider.

    Attributes:
        lowest: Its smallest value, a multiple of the step.
        highest: Its largest value.
        step: The difference between two positions: 1, 2 or 5 times a power of ten.
    """

    lowest: float
    highest: float
    step: float

    def share(self, value: float) -> float:
        """Return where a value is, from 0 to 1; beyond the ends it is at the end."""
        return min(max((value - self.lowest) / (self.highest - self.lowest), 0.0), 1.0)


def scale_of(feature: Feature) -> Scale | None:
    """Return the scale of a feature; ``None`` if its training range is unknown or too extreme.

    The scale reaches beyond the training range, because people want to see what happens there; not
    below zero if no training value is negative.
    """
    least, most = feature.minimum, feature.maximum
    if least is None or most is None or not _is_usual(least) or not _is_usual(most) or least > most:
        return None
    width = most - least or max(abs(most), 1.0)
    step = _round_step(width * (1 + 2 * _BEYOND) / _STEPS)
    if feature.kind == "integer":
        step = max(step, 1.0)
    lowest = math.floor((least - width * _BEYOND) / step) * step
    if least >= 0:
        lowest = max(lowest, 0.0)
    highest = math.ceil((most + width * _BEYOND) / step) * step
    scale = Scale(_tidy(lowest), _tidy(highest), step)
    # A constant column with errors of rounding has no two ends: 0.3 and 0.1 + 0.2.
    return scale if scale.lowest < scale.highest else None


def _is_usual(value: float) -> bool:
    return value == 0 or 1e-9 <= abs(value) <= 1e15  # also false for what is not finite


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return _tidy(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999))


def _tidy(value: float) -> float:
    return float(f"{value:.12g}")
