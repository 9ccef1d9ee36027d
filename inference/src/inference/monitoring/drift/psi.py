"""The population stability index (PSI) of two distributions over the same bins.

``sum((p - q) * ln(p / q))`` over the shares ``p`` and ``q`` of the bins, the symmetric
Kullback-Leibler divergence. A share of zero is replaced as Evidently does, so that the numbers are
comparable:
https://github.com/evidentlyai/evidently/blob/main/src/evidently/legacy/calculations/stattests/psi.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Counts = Sequence[float] | np.ndarray[Any, Any]

# A usual reading: below 0.1 alike, above 0.2 shifted.
SHIFTED = 0.2
_SMALL = 1e-4


def compute_psi(training: Counts, served: Counts) -> float:
    """Return the PSI of two counts by bin.

    Args:
        training: Rows by bin; not all zero.
        served: Rows by bin; not all zero.

    >>> compute_psi([10, 10], [5, 5])
    0.0
    >>> round(compute_psi([50, 50], [80, 20]), 4)
    0.4159
    """
    one, other = np.asarray(training, dtype=np.float64), np.asarray(served, dtype=np.float64)
    used = (one > 0) | (other > 0)
    p, q = _to_shares(one[used]), _to_shares(other[used])
    return float(((p - q) * np.log(p / q)).sum())


def _to_shares(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the share of each bin; zeros become a small share, below that of any other bin."""
    shares: np.ndarray[Any, Any] = counts / counts.sum()
    least = shares[shares > 0].min()
    shares[shares == 0] = least * 1e-6 if least <= _SMALL else _SMALL
    return shares
