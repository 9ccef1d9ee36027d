"""Labels get their types back: from the values of the ONNX output to the classes of the contract.

ONNX holds labels as strings or 64-bit integers. Where the classes are of another type, such as
booleans, the contract lists the value that stands for each class (``outputs.encoded_classes``).
A JSON object has strings as keys, so that :func:`label_key` turns a class into one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from inference.model.contract import Label

_FEW = 200  # values that are counted faster without a Counter


def label_key(label: Label) -> str:
    """Return a class as the key of a JSON object, as ``json.dumps`` would write it.

    >>> label_key(True), label_key(3), label_key("Gentoo")
    ('true', '3', 'Gentoo')
    """
    return label if isinstance(label, str) else msgspec.json.encode(label).decode()


class LabelDecoder:
    """Turns the values of a label output into the classes of the contract.

    Args:
        classes: The classes; ``None`` for a foreign file, whose labels stay as they are.
        encoded: The value that stands for each class; ``None`` where labels stay as they are.
    """

    __slots__ = ("_by_code",)

    def __init__(
        self, classes: list[Label] | None = None, encoded: list[str | int] | None = None
    ) -> None:
        self._by_code: dict[Any, Label] | None = None
        if encoded is not None and classes is not None:
            self._by_code = dict(zip(encoded, classes, strict=True))

    def decode(self, code: Any) -> Any:
        """Return the label that one value stands for; an unknown value stays as it is."""
        by_code = self._by_code
        return code if by_code is None else by_code.get(code, code)

    def decode_all(self, codes: np.ndarray[Any, Any]) -> list[Any]:
        """Return the label of each value of a vector."""
        labels: list[Any] = codes.tolist()
        by_code = self._by_code
        return labels if by_code is None else list(map(by_code.get, labels, labels))

    def count(self, codes: Any) -> dict[Any, int]:
        """Return how often each label occurs in an array of any shape."""
        counts = count_values(codes)
        by_code = self._by_code
        if by_code is None:
            return counts
        return {by_code.get(code, code): count for code, count in counts.items()}


def count_values(array: Any) -> dict[Any, int]:
    """Return how often each value occurs in an array of any shape."""
    values = np.asarray(array).ravel().tolist()
    if len(values) > _FEW:
        return Counter(values)
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts
