"""Warnings about numbers outside what training has seen: answered all the same, but said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature, Scalar

MAX_WARNINGS = 100


class TrainingRange:
    """The smallest and largest training value of each numeric feature.

    Args:
        features: In the order of the rows' values.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._bounds = [
            (place, feature.name, feature.minimum, feature.maximum)
            for place, feature in enumerate(features)
            if feature.minimum is not None and feature.maximum is not None
        ]

    def warnings(self, rows: Sequence[Sequence[Scalar]]) -> list[dict[str, Any]]:
        """List the values outside, at most :data:`MAX_WARNINGS`, by feature and then by row."""
        found: list[dict[str, Any]] = []
        for place, name, low, high in self._bounds:
            for index, row in enumerate(rows):
                value: Any = row[place]
                if value is None or low <= value <= high:
                    continue
                side = (
                    f"below {low:g}, the smallest"
                    if value < low
                    else f"above {high:g}, the largest"
                )
                reason = f"{value:g} is {side} value seen in training"
                found.append({"row": index, "feature": name, "reason": reason})
                if len(found) == MAX_WARNINGS:
                    return found
        return found
