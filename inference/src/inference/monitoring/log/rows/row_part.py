"""The inputs and outputs of a graph as parts of a packed row."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.model.io_binding import BoundNames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.model.servable import Servable
    from inference.telemetry.timing import Answered


class RowPart(NamedTuple):
    """One input or output.

    Attributes:
        name: Its name.
        dtype: The type of its values; of objects for texts.
        shape: The shape of one row; empty for a single value.
        offset: Where its numbers begin among those of the row, in bytes; 0 for texts.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int = 0

    @property
    def is_text(self) -> bool:
        """Whether the values are texts."""
        return self.dtype == np.object_

    @property
    def width(self) -> int:
        """How many values a row has."""
        return self.shape[0] if self.shape else 1


def row_parts(servable: Servable, answered: Answered) -> list[RowPart] | None:
    """Return the parts of a request of one row, inputs first; ``None`` if it cannot be packed.

    Texts can be packed where they are labels, or categories that are all known.
    """
    names = answered[2]
    found = _bound_parts(names) if isinstance(names, BoundNames) else _array_parts(answered)
    texts = [part.name for part in found or () if part.is_text]
    if not _known_parts(servable).issuperset(texts):
        return None
    return None if isinstance(names, BoundNames) and len(texts) > 1 else found


def known_texts(servable: Servable) -> Iterator[str]:
    """Return the texts that categories and labels may have."""
    for feature in servable.features or ():
        yield from map(str, feature.categories or ())
    contract = servable.contract
    if contract is not None:
        codes = [contract.outputs.encoded_classes or contract.classes or []]
        codes += [label.encoded_classes or label.classes for label in contract.labels or ()]
        yield from (code for code in chain(*codes) if isinstance(code, str))


def _known_parts(servable: Servable) -> set[str]:
    """Return the inputs and outputs whose texts are all known."""
    free = {feature.input for feature in servable.features or () if not feature.categories}
    known = set(servable.text_inputs) - free
    if servable.contract is not None:
        known |= {servable.contract.outputs.label, *(target.label for target in servable.targets)}
    return known


def _bound_parts(names: BoundNames) -> list[RowPart]:
    given, *numbers = names.parts
    parts = {part.name: _output(part.name, part.dtype, part.shape, part.offset) for part in numbers}
    texts = (RowPart(name, np.dtype(object), ()) for name in names if name not in parts)
    return [
        RowPart(given.name, given.dtype, given.shape[1:], given.offset),
        *parts.values(),
        *texts,
    ]


def _array_parts(answered: Answered) -> list[RowPart] | None:
    _, feeds, outputs, results, _ = answered
    if not feeds:
        return None
    parts, offset = [], 0
    for name, array in chain(feeds.items(), zip(outputs, results, strict=True)):
        is_row = isinstance(array, np.ndarray) and array.shape[:1] == (1,)
        if not is_row or array.dtype.kind not in "fiubO":
            return None
        if name not in feeds:
            parts.append(_output(name, array.dtype, array.shape, offset))
        elif array.ndim <= 2:
            parts.append(RowPart(name, array.dtype, array.shape[1:], offset))
        else:
            return None
        if not parts[-1].is_text:
            offset += array.nbytes
    return parts


def _output(name: str, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> RowPart:
    """Describe an output, of which a row has one value or a list of them."""
    size = int(np.prod(shape))
    return RowPart(name, dtype, () if size == 1 else (size,), offset)
