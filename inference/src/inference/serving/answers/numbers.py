"""Answers of numbers: the values of regressions, and the vectors of transformations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.serving.answers.kind import flat, record_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Values:
    """The value of a regression, or the value of each target by its name.

    Args:
        output: Name of the output with the values.
        targets: Names of the targets; ``None`` for one value.

    Attributes:
        outputs: The only output.
    """

    def __init__(self, output: str, targets: Sequence[str] | None) -> None:
        self.outputs = [output]
        self._targets = targets

    def predictions(self, results: list[Any], _: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        if self._targets is None:
            return [{"value": value} for value in flat(results[0]).tolist()]
        targets = self._targets
        return [{"values": dict(zip(targets, row, strict=True))} for row in results[0].tolist()]

    def records(self, _: list[Any]) -> list[Any] | None:
        """Return ``None``: predictions are as fast."""
        return None

    def count_labels(self, _: list[Any]) -> Mapping[Any, int] | None:
        """Return ``None``: there are no classes."""
        return None


class Vector:
    """The vector of a transformation, as a list.

    Args:
        output: Name of the output with the matrix.
        width: How many numbers a vector has.

    Attributes:
        outputs: The only output.
    """

    def __init__(self, output: str, width: int) -> None:
        self.outputs = [output]
        self._width = width
        self._record = record_type("Prediction", ["vector"])

    def predictions(self, results: list[Any], _: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        return [{"vector": vector} for vector in self._vectors(results)]

    def records(self, results: list[Any]) -> list[Any] | None:
        """Make predictions as records."""
        return list(map(self._record, self._vectors(results)))

    def count_labels(self, _: list[Any]) -> Mapping[Any, int] | None:
        """Return ``None``: there are no classes."""
        return None

    def _vectors(self, results: list[Any]) -> list[list[float]]:
        (matrix,) = results
        if matrix.ndim != 2 or matrix.shape[1] != self._width:
            raise ValueError(
                f"the output has the shape {list(matrix.shape)}, a vector has {self._width} numbers"
            )
        vectors: list[list[float]] = matrix.tolist()
        return vectors
