"""What is counted of one servable: the bins of its features and answers, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.model.labels import label_key
from inference.monitoring.drift.bins import (
    ABOVE,
    BELOW,
    MISSING,
    UNSEEN,
    Bins,
    NumberBins,
    ValueBins,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.contract import Contract, Feature
    from inference.model.servable import Servable
    from inference.monitoring.columns import ServedTable

    Array = np.ndarray[Any, Any]
    # Finds the cells of a table's rows in the bins at an offset; one array of indices.
    Finder = Callable[[ServedTable], Array | None]

MAX_FEATURES = 500
MAX_TARGETS = 100
_NUMBERS = ("number", "integer")
_MOST_VALUES = 64 * 1024  # that are looked at in one go, while the interpreter's lock may be held


class Place(NamedTuple):
    """Where one feature or answer is counted.

    Attributes:
        bins: Its bins.
        first: Its first cell.
    """

    bins: Bins
    first: int

    @property
    def cells(self) -> slice:
        """Its cells."""
        return slice(self.first, self.first + self.bins.cells)


class Layout:
    """The cells of one servable's features and answers; keeps parts of it, not the model itself.

    Args:
        servable: One with a contract.
        contract: Its contract.

    Attributes:
        features: Where the first :data:`MAX_FEATURES` features are counted.
        answers: Where the answers are counted: one, or one for each of several targets.
        cells: How many numbers there are.
    """

    def __init__(self, servable: Servable, contract: Contract) -> None:
        self.cells = 0
        self._finders: list[Finder] = []
        dtypes = {spec.name: spec.dtype or np.dtype(object) for spec in servable.signature.inputs}
        watched = contract.features[:MAX_FEATURES]
        self.features = [self._place(_bins_of(f, dtypes[f.input])) for f in watched]
        places: dict[str, int] = dict.fromkeys(dtypes, 0)
        numbers: dict[str, list[tuple[int, Place]]] = {name: [] for name in dtypes}
        for feature, place in zip(watched, self.features, strict=True):
            column = places[feature.input]
            places[feature.input] += 1
            if isinstance(place.bins, NumberBins):
                numbers[feature.input].append((column, place))
            else:
                find = _find_values(feature, place, dtypes[feature.input])
                self._finders.append(_of_column(feature.input, column, find))
        self._finders += [_of_matrix(name, each) for name, each in numbers.items() if each]
        self.answers: list[Place] = []
        self._add_answers(servable, contract)

    def count(self, table: ServedTable) -> Array:
        """Count the rows of a table.

        Returns:
            Rows by cell, shape ``[cells]``.
        """
        counts = np.zeros(self.cells)
        for find in self._finders:
            found = find(table)
            if found is not None:
                counts += np.bincount(found.ravel(), minlength=self.cells)
        return counts

    def _place(self, bins: Bins) -> Place:
        place = Place(bins, self.cells)
        self.cells += bins.cells
        return place

    def _add_answers(self, servable: Servable, contract: Contract) -> None:
        known = contract.answers or []
        if contract.labels is not None:
            for index, target in enumerate(contract.labels[:MAX_TARGETS]):
                codes = target.encoded_classes or target.classes
                counts = known[index].counts if known else None
                self._add_label(target.name, target.label, (codes, target.classes), counts)
        elif contract.classes is not None:
            codes = contract.outputs.encoded_classes or contract.classes
            counts = known[0].counts if known else None
            self._add_label("", contract.outputs.label, (codes, contract.classes), counts)
        elif contract.task == "regression":
            spec = servable.signature.output(contract.outputs.label)
            dtype = spec.dtype if spec is not None and spec.dtype is not None else np.dtype("f4")
            for column, name in enumerate((contract.targets or [""])[:MAX_TARGETS]):
                histogram = known[column].histogram if known else None
                bins = NumberBins(name, histogram, (None, None), dtype)
                self.answers.append(self._place(bins))
                self._finders.append(
                    _of_output(contract.outputs.label, column, _numbers_in(self.answers[-1]))
                )

    def _add_label(
        self,
        name: str,
        output: str,
        classes: tuple[Sequence[Any], Sequence[Any]],
        counts: Sequence[int] | None,
    ) -> None:
        codes, labels = classes
        shown = [label_key(label) for label in labels]
        bins = ValueBins(name, shown, counts, takes_unseen=True)
        place = self._place(bins)
        self.answers.append(place)
        find = _values_in(place, dict(zip(codes, bins.places, strict=True)))
        self._finders.append(_of_output(output, 0, find))


def _bins_of(feature: Feature, dtype: np.dtype[Any]) -> Bins:
    missing = feature.missing if feature.nullable else None
    if feature.kind in _NUMBERS:
        limits = feature.minimum, feature.maximum
        return NumberBins(feature.name, feature.histogram, limits, dtype, missing)
    if feature.kind == "boolean":
        values = ["false", "true"]
        return ValueBins(feature.name, values, feature.counts, missing=missing, takes_unseen=False)
    shown = [str(value) for value in feature.categories or ()]
    is_open = feature.open_categories or not shown
    return ValueBins(feature.name, shown, feature.counts, missing=missing, takes_unseen=is_open)


def _find_values(feature: Feature, place: Place, dtype: np.dtype[Any]) -> Callable[[Array], Array]:
    bins = place.bins
    assert isinstance(bins, ValueBins)  # noqa: S101 - for the type checker
    values: list[Any] = [False, True]
    if feature.kind == "category":
        is_text = dtype == np.object_
        values = [str(v) if is_text else v for v in feature.categories or ()]
    known = dict(zip(values, bins.places, strict=True))
    if feature.nullable and "" not in known:
        known[""] = len(bins.bins) + MISSING
    return _values_in(place, known)


def _values_in(place: Place, known: dict[Any, int]) -> Callable[[Array], Array]:
    """Find the cells of values, by a dictionary."""
    cells = {value: place.first + cell for value, cell in known.items()}
    unseen = place.first + len(place.bins.bins) + UNSEEN
    missing = place.first + len(place.bins.bins) + MISSING

    def find(column: Array) -> Array:
        found = np.array([cells.get(value, unseen) for value in column.tolist()], dtype=np.int64)
        if column.dtype.kind == "f":
            found[np.isnan(column)] = missing
        return found

    return find


def _numbers_in(place: Place) -> Callable[[Array], Array]:
    """Find the cells of one column of numbers."""
    find = _NumberFinder([place])
    return lambda column: find(column[:, None])


class _NumberFinder:
    """Finds the cells of a matrix of numbers, which has a column for each place."""

    def __init__(self, places: Sequence[Place]) -> None:
        bins: list[Any] = [place.bins for place in places]
        most = max(len(each.inner) for each in bins)
        # One row for the first inner edge of each column, one for the second, and so on.
        self._inner = np.full((most, len(bins)), np.inf)
        for column, each in enumerate(bins):
            self._inner[: len(each.inner), column] = each.inner
        self._first = np.array([place.first for place in places])
        self._behind = np.array([place.first + len(place.bins.bins) for place in places])
        self._last = self._behind - 1
        self._low = np.array([each.low for each in bins])
        self._high = np.array([each.high for each in bins])

    def __call__(self, matrix: Array) -> Array:
        rows = max(1, _MOST_VALUES // matrix.shape[1])
        parts = [self._find(matrix[at : at + rows]) for at in range(0, len(matrix), rows)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _find(self, matrix: Array) -> Array:
        found = np.repeat(self._first[None, :], len(matrix), axis=0)
        for edges in self._inner:
            found += matrix >= edges
        np.minimum(found, self._last, out=found)  # infinity is not below the edges that fill up
        behind = self._behind
        inside = (matrix >= self._low) & (matrix <= self._high)
        if not inside.all():  # also where a value is missing
            found = np.where(matrix < self._low, behind + BELOW, found)
            found = np.where(matrix > self._high, behind + ABOVE, found)
            found = np.where(np.isnan(matrix), behind + MISSING, found)
        return found


def _of_matrix(name: str, columns: Sequence[tuple[int, Place]]) -> Finder:
    """Find the cells of all features of one input that are numbers."""
    find = _NumberFinder([place for _, place in columns])
    wanted = [column for column, _ in columns]

    def find_all(table: ServedTable) -> Array:
        matrix = table.inputs[name]
        if matrix.ndim == 1:
            matrix = matrix[:, None]
        whole = matrix.shape[1] == len(wanted)
        return find(matrix if whole else matrix[:, wanted])

    return find_all


def _of_column(name: str, column: int, find: Callable[[Array], Array]) -> Finder:
    def find_all(table: ServedTable) -> Array:
        array = table.inputs[name]
        return find(array if array.ndim == 1 else array[:, column])

    return find_all


def _of_output(name: str, column: int, find: Callable[[Array], Array]) -> Finder:
    def find_all(table: ServedTable) -> Array | None:
        found = table.output(name)
        if found is None:
            return None
        values = found.values if found.values.ndim == 1 else found.values[:, column]
        return find(values if not found.missing.any() else values[~found.missing])

    return find_all
