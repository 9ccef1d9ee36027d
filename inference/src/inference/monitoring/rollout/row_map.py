"""The rows of one version as inputs of another one, by the names of the features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec
    from inference.monitoring.columns import Column, ServedTable

Array = np.ndarray[Any, Any]


class RowMap:
    """Makes the inputs of a servable from rows that another one has answered.

    Args:
        source: What has answered.
        target: What is to be run.

    Raises:
        ValueError: One takes rows and the other only tensors of another kind.
    """

    def __init__(self, source: Servable, target: Servable) -> None:
        self._signature = target.signature
        self._is_same = source.signature.inputs == target.signature.inputs and (
            _places(source) == _places(target)
        )
        self._features: list[tuple[Feature | None, Feature]] = []
        if self._is_same:
            return
        if source.features is None or target.features is None:
            raise ValueError("one of the versions takes tensors and no rows")
        known = {feature.name: feature for feature in source.features}
        self._features = [(known.get(feature.name), feature) for feature in target.features]

    def to_feeds(self, table: ServedTable) -> dict[str, Array]:
        """Make an array for each input.

        Raises:
            ValueError: A row has a value that the other version does not take.
        """
        if self._is_same:
            return table.inputs
        return {spec.name: self._to_input(spec, table) for spec in self._signature.inputs}

    def _to_input(self, spec: TensorSpec, table: ServedTable) -> Array:
        columns = [
            _convert(None if known is None else table.feature(known), feature, spec, table.rows)
            for known, feature in self._features
            if feature.input == spec.name
        ]
        if len(spec.shape) == 1:
            return columns[0]
        return np.ascontiguousarray(np.stack(columns, axis=1))


def _places(servable: Servable) -> list[tuple[str, str]] | None:
    if servable.features is None:
        return None
    return [(feature.name, feature.input) for feature in servable.features]


def _convert(column: Column | None, feature: Feature, spec: TensorSpec, rows: int) -> Array:
    dtype = np.dtype(np.float32) if spec.dtype is None else spec.dtype
    if column is None:  # only of a feature that may be missing
        missing = np.ones(rows, dtype=bool)
        values: Array = np.full(rows, "" if dtype == np.object_ else 0, dtype)
    else:
        values, missing = column.values, column.missing
    if missing.any() and not feature.nullable:
        raise ValueError(f"feature '{feature.name}' is missing")
    known = values[~missing]
    if feature.categories is not None and not feature.open_categories:
        unseen = set(known.tolist()) - set(feature.categories)
        if unseen:
            raise ValueError(f"feature '{feature.name}' has no category {unseen.pop()!r}")
    if dtype == np.object_:
        texts = [str(value) for value in values.tolist()]
        return np.where(missing, "", np.array(texts, object)).astype(object)
    converted = values.astype(dtype)
    if feature.kind in ("integer", "boolean") and not np.array_equal(
        converted[~missing].astype(np.float64), known.astype(np.float64)
    ):
        raise ValueError(f"feature '{feature.name}' is no {feature.kind}")
    if missing.any():
        converted[missing] = np.nan
    return converted
