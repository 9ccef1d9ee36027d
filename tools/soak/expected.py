"""What a right answer is: which weights may answer for a version, and what they answer."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from support.models.artifacts import SPECIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rows in sizes that take different ways: inline, in a batch, in a body of several packets.
BLOCKS: dict[str, list[list[float]]] = {
    "one": [[39.1, 18.7, 181.0, 3750.0]],
    "other": [[50.0, 16.3, 230.0, 5700.0]],
    "many": np.random.default_rng(7)
    .uniform([32, 13, 172, 2700], [60, 22, 231, 6300], (64, 4))
    .round(1)
    .tolist(),
    "thousand": np.random.default_rng(8)
    .uniform([32, 13, 172, 2700], [60, 22, 231, 6300], (1000, 4))
    .round(1)
    .tolist(),
}
_TOLERANCE = 1e-4


class Expected:
    """Which seeds may answer for a model's version now.

    It is the file's own, and while it is replaced the one before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seeds: dict[tuple[str, int], tuple[int, ...]] = {}

    def allow(self, name: str, version: int, *seeds: int) -> None:
        """Say which seeds may answer from now on."""
        with self._lock:
            self._seeds[name, version] = seeds

    def judge(self, name: str, version: int, block: str, found: Any) -> str:
        """Say what is wrong with the probabilities that a version gave to a block of rows.

        Returns:
            Nothing when they are right.
        """
        with self._lock:
            seeds = self._seeds.get((name, version), ())
        given = np.asarray(found, dtype=np.float64)
        for seed in seeds:
            wanted = probabilities(seed, block)
            if given.shape == wanted.shape and np.abs(given - wanted).max() <= _TOLERANCE:
                return ""
        return f"{name} version {version} answers {block} as none of {seeds}: {given[:1]}"


@functools.lru_cache(maxsize=64)
def probabilities(seed: int, block: str) -> NDArray[np.float64]:
    """Compute what ``artifacts.penguins(seed)`` answers, without the service and its runtime."""
    weights = np.random.default_rng(seed).normal(size=(len(SPECIES), 4)) / [45, 17, 200, 4200]
    scores = np.exp(np.array(BLOCKS[block]) @ weights.T)
    shares: NDArray[np.float64] = scores / scores.sum(axis=1, keepdims=True)
    return shares
