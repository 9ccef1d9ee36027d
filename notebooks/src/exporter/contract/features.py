"""What was seen of each feature: range, distribution, categories."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from exporter.contract.distributions import summarize
from inference.model.contract import Feature

if TYPE_CHECKING:
    from exporter.contract.capabilities import Capabilities
    from exporter.data.table import Column
    from inference.model.contract import Scalar

_MAX_CATEGORIES = 1000


def describe(
    column: Column,
    capabilities: Capabilities,
    onnx_input: str,
    example: Scalar,
    notes: tuple[str | None, str | None],
) -> Feature:
    """Describe one feature for the contract.

    Args:
        column: All its values.
        capabilities: What it takes, as found by asking.
        onnx_input: The input it feeds.
        example: A value of it that the model takes.
        notes: Its unit and its description.
    """
    unit, description = notes
    kind = _kind(column, capabilities)
    numbers = column.kind in ("number", "integer") and len(column.present) > 0
    counted = numbers and kind in ("number", "integer")
    categories = _categories(column, capabilities) if kind == "category" else None
    recurs = kind != "category" or capabilities.closed or _recurs(column)
    return Feature(
        name=column.name,
        kind=kind,
        input=onnx_input,
        example=int(example) if kind == "category" and isinstance(example, float) else example,
        unit=unit,
        description=description,
        minimum=float(column.present.min()) if counted else None,
        maximum=float(column.present.max()) if counted else None,
        histogram=summarize(column.present) if counted else None,
        categories=categories,
        open_categories=kind == "category" and not capabilities.closed,
        nullable=capabilities.nullable,
        warn_unseen=kind == "category" and not capabilities.closed and recurs,
        counts=_count(column, kind, categories) if recurs else None,
        missing=int(column.missing.sum()),
    )


def _kind(
    column: Column, capabilities: Capabilities
) -> Literal["number", "integer", "category", "boolean"]:
    if column.is_boolean:
        return "boolean"
    if column.kind == "text" or (column.kind in ("number", "integer") and capabilities.closed):
        return "category"
    return "integer" if column.kind == "integer" else "number"


def _categories(column: Column, capabilities: Capabilities) -> list[str | int]:
    if column.kind != "text":
        return [
            int(v)
            for v in np.union1d(column.present, np.array(capabilities.also or column.present[:0]))
        ]
    counts: dict[str, int] = {}
    for value in column.present.tolist():
        counts[value] = counts.get(value, 0) + 1
    if not capabilities.closed and len(counts) > _MAX_CATEGORIES:
        # Free text: the most frequent ones are enough to show what is meant.
        counts = dict(sorted(counts.items(), key=lambda c: -c[1])[:_MAX_CATEGORIES])
    return sorted({*counts, *map(str, capabilities.also)})


def _count(column: Column, kind: str, categories: list[str | int] | None) -> list[int] | None:
    """Count the rows of each category, or of false and true; ``None`` for numbers and for many."""
    known = [False, True] if kind == "boolean" else categories
    if known is None or len(known) > _MAX_CATEGORIES:
        return None
    counts = Counter(column.present.tolist())
    return [counts[value] for value in known]


def _recurs(column: Column) -> bool:
    """Return whether a text column holds categories, whose values recur."""
    distinct = len(set(column.present.tolist()))
    return distinct <= min(_MAX_CATEGORIES, len(column.present) / 2)
