"""What each kind of answer does, and the parts that several of them are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AnswerKind(Protocol):
    """Makes the predictions of one servable.

    Attributes:
        outputs: Names of the ONNX outputs to run for.
    """

    outputs: list[str]

    def predictions(self, results: list[Any], rows: int) -> list[dict[str, Any]]:
        """Make one prediction per row.

        Args:
            results: The values of :attr:`outputs`.
            rows: How many rows were asked.

        Raises:
            ValueError: The results have not the shape of the answer.
        """
        ...

    def records(self, results: list[Any]) -> list[Any] | None:
        """Make the predictions of many rows faster, as records with the same encoding.

        Returns:
            ``None`` if there is no faster way.

        Raises:
            ValueError: The results have not the shape of the answer.
            TypeError: Likewise.
        """
        ...

    def count_labels(self, results: list[Any]) -> Mapping[Any, int] | None:
        """Count each predicted class; ``None`` where there are no classes."""
        ...


def flat(values: Any) -> np.ndarray[Any, Any]:
    """Return an array of the shape ``[rows, 1]`` as a vector, and any other as it is."""
    array = np.asarray(values)
    return array[:, 0] if array.ndim > 1 and array.shape[1] == 1 else array


def column(values: Any) -> np.ndarray[Any, Any]:
    """Return an output of one value per row as a vector.

    Raises:
        ValueError: It has several values per row, or none.
    """
    array = flat(values)
    if array.ndim != 1:
        raise ValueError(f"an output has the shape {list(array.shape)}, not one value per row")
    return array


def record_type(name: str, keys: Sequence[str]) -> type[msgspec.Struct]:
    """Make the type of a record of a value for each name.

    Raises:
        ValueError: The names cannot be those of fields.
    """
    fields = [(f"p{i}", Any, msgspec.field(name=key)) for i, key in enumerate(keys)]
    return msgspec.defstruct(name, fields, gc=False)


def table_of(keys: Sequence[str]) -> type[msgspec.Struct]:
    """Make the type of a record of a number for each class.

    Raises:
        ValueError: The classes cannot be names of fields.
    """
    return record_type("Table", keys)
