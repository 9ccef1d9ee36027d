"""What the truth of an answer is: a label, a value, or several of them by name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.model.contract import Label  # noqa: TC001 - msgspec reads it
from inference.model.labels import label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.servable import Servable

_SHOWN_CLASSES = 10


class TruthKind(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one answer of a model is compared with.

    Attributes:
        classes: For each label its classes; empty for values.
        names: The names of the labels or values; empty if there is only one, without a name.
    """

    classes: list[list[Label]] = []
    names: list[str] = []

    @classmethod
    def of(cls, servable: Servable) -> TruthKind | None:
        """Return what the answers of a model are compared with.

        Returns:
            ``None`` for clusters and vectors, which have no truth, and for a file without a
            contract, whose answers are unknown.
        """
        contract = servable.contract
        if contract is None:
            return None
        match contract.task:
            case "classification" | "outlier_detection":
                return cls(classes=[list(contract.classes or [])])
            case "multioutput_classification":
                labels = contract.labels or []
                return cls(classes=[one.classes for one in labels], names=[o.name for o in labels])
            case "regression":
                return cls(names=list(contract.targets or []))
        return None

    @property
    def count(self) -> int:
        """How many labels or values an answer has."""
        return len(self.names) or 1

    def encode(self, columns: Sequence[Any]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return answers as numbers: values, or the places of labels in their classes.

        Args:
            columns: For each label or value a list of it, by row; ``None`` is missing.
        """
        if not self.classes:
            return np.column_stack([np.array(column, np.float64) for column in columns])
        return np.column_stack(
            [_places(known, column) for known, column in zip(self.classes, columns, strict=True)]
        )

    def decode(self, answer: Sequence[float]) -> Any:
        """Return an answer as the service answers: a label, a value, or an object of them."""
        shown: list[Any] = [None if math.isnan(n) else n for n in answer]
        if self.classes:
            pairs = zip(self.classes, shown, strict=True)
            shown = [None if place is None else known[int(place)] for known, place in pairs]
        return dict(zip(self.names, shown, strict=True)) if self.names else shown[0]

    def check(self, truth: Any) -> Any:
        """Return a truth with the types of the model's labels or values.

        Raises:
            ValueError: It is none of this model; the message says what would be right.
        """
        if not self.names:
            return self._check_one(0, truth, "")
        if not isinstance(truth, dict) or set(truth) != set(self.names):
            names = ", ".join(f"'{name}'" for name in self.names[:_SHOWN_CLASSES])
            raise ValueError(f"expected an object with {names}, got {_shown(truth)}")
        return {
            name: self._check_one(place, truth[name], f"'{name}': ")
            for place, name in enumerate(self.names)
        }

    def _check_one(self, place: int, truth: Any, what: str) -> Any:
        if not self.classes:
            number = _to_number(truth)
            if number is None:
                raise ValueError(f"{what}expected a number, got {_shown(truth)}")
            return number
        for known in self.classes[place]:
            if known == truth and isinstance(known, bool) == isinstance(truth, bool):
                return known
        shown = ", ".join(_shown(c) for c in self.classes[place][:_SHOWN_CLASSES])
        more = ", ..." if len(self.classes[place]) > _SHOWN_CLASSES else ""
        raise ValueError(f"{what}expected a class ({shown}{more}), got {_shown(truth)}")


def _places(
    classes: list[Label], column: Sequence[Any]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    # Classes of several types are logged as texts.
    places: dict[Any, float] = {label_key(c): float(place) for place, c in enumerate(classes)}
    places |= {label: float(place) for place, label in enumerate(classes)}
    return np.array([places.get(label, math.nan) for label in column], np.float64)


def _to_number(truth: Any) -> float | None:
    """Return a finite number; ``None`` for anything else."""
    if isinstance(truth, bool) or not isinstance(truth, (int, float)):
        return None
    try:
        number = float(truth)
    except OverflowError:  # an integer with more than 308 digits
        return None
    return number if math.isfinite(number) else None


def _shown(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else label_key(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
