"""Bound what ``/metrics`` shows: a version ever served would else have its series for ever."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.telemetry.counters import Key

SHOWN = 16  # versions of a model with series of their own, the highest
OLDER = "older"


def limit_versions(series: dict[Key, list[float]], model: int) -> dict[Key, list[float]]:
    """Count all but the highest versions of each model together, as the version ``older``.

    Every worker comes to the same from the same series, and a version that has once been folded
    stays so, since higher ones only ever come in addition: no counter goes back.

    Args:
        series: Numbers by key.
        model: Where the model's name is in a key; its version comes next.
    """
    versions: dict[str, set[str]] = defaultdict(set)
    for key in series:
        versions[key[model]].add(key[model + 1])
    shown = {
        name: set(sorted(numbers, key=_number, reverse=True)[:SHOWN])
        for name, numbers in versions.items()
    }
    folded: dict[Key, list[float]] = {}
    for key, values in series.items():
        if key[model + 1] not in shown[key[model]]:
            key = (*key[: model + 1], OLDER, *key[model + 2 :])  # noqa: PLW2901 - the same series
        before = folded.get(key)
        folded[key] = [a + b for a, b in zip(before, values, strict=True)] if before else values
    return folded


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 0
