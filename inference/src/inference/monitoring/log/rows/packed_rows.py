"""Answered requests of one row as bytes, all of the same size, and back as columns.

The event loop packs such a request in half a microsecond. To keep its objects until another thread
reads them takes several times as long: the interpreter looks through all objects that live on, and
new ones are made in memory that is not in the processor's caches.

A packed row is a head, then texts, each as its place among those that are known, then numbers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.model.io_binding import BoundNames
from inference.monitoring.columns import Column, FeatureColumns
from inference.monitoring.log.rows.logged_rows import Requests
from inference.monitoring.log.rows.row_part import known_texts, row_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.monitoring.log.rows.row_part import RowPart
    from inference.telemetry.timing import Answered, Timing

    Array = np.ndarray[Any, Any]

_ID_BYTES = 128  # of the longest id
_HEAD = np.dtype([("started", "=f8"), ("done", "=f8"), ("id", f"S{_ID_BYTES}"), ("key", "=u2")])
_HEAD_LETTERS = f"=dd{_ID_BYTES}sH"
_TEXT = np.dtype("=u4")
_MAX_KEYS = 2**16


class RowForm:
    """The form of requests of one row that were answered in the same way; use :meth:`of`.

    Args:
        servable: What has answered; it is not kept.
        parts: The inputs and outputs.
        names: The names of the outputs.

    Attributes:
        size: How many bytes a row takes.
        codes: The place of each text among those that are known.
        keys: A number for each id of a key.
        label_place: Which output is a text, for rows whose numbers are in the memory of a binding;
            ``None`` if none is.
    """

    def __init__(self, servable: Servable, parts: Sequence[RowPart], names: Sequence[str]) -> None:
        self._features = FeatureColumns(servable.features or ())
        self._parts = parts
        self._texts = np.array(sorted({"", *known_texts(servable)}), object)
        self.codes: dict[str, int] = {text: place for place, text in enumerate(self._texts)}
        self.keys = _Keys()
        are_texts = {part.name: part.is_text for part in parts}
        self._inputs = [(part.name, part.is_text) for part in parts if part.name not in names]
        self._outputs = [are_texts[name] for name in names]
        self.label_place = self._outputs.index(True) if True in self._outputs else None
        self._size = sum(part.width * part.dtype.itemsize for part in parts if not part.is_text)
        texts = sum(part.width for part in parts if part.is_text)
        if isinstance(names, BoundNames):
            texts, self._size = 1, len(names.memory)
        self._dtype = _layout(parts, texts, self._size)
        self.size = self._dtype.itemsize
        # Packs the times, the id, the number of the key, and the places of the texts.
        self.pack_head = struct.Struct(f"{_HEAD_LETTERS}{texts}I").pack

    @classmethod
    def of(cls, servable: Servable, answered: Answered) -> Self | None:
        """Return the form of a request of one row; ``None`` if it cannot be packed."""
        parts = None if servable.columns is None else row_parts(servable, answered)
        return None if parts is None else cls(servable, parts, answered[2])

    def pack_arrays(self, timing: Timing, request_id: bytes, key: str | None) -> bytes:
        """Pack a row whose values and answers are arrays.

        Raises:
            Exception: Of any kind, if the request has another form.
        """
        _, feeds, _, results, _ = timing.served  # type: ignore[misc]
        codes = self.codes
        texts: list[int] = []
        arrays: list[Any] = []
        inputs = [(feeds[name], is_text) for name, is_text in self._inputs]  # type: ignore[index]
        for array, is_text in (*inputs, *zip(results, self._outputs, strict=True)):
            if is_text:
                texts += [codes[text] for text in array.ravel().tolist()]
            else:
                arrays.append(array)
        numbers = b"".join(arrays)
        if len(numbers) != self._size:
            raise ValueError(f"{len(numbers)} bytes instead of {self._size}")
        head = self.pack_head(timing.started, timing.done, request_id, self.keys[key], *texts)
        return head + numbers

    def unpack(self, packed: bytes) -> PackedTable:
        """Return packed rows as columns."""
        return PackedTable(self, np.frombuffer(packed, self._dtype))

    def feature(self, feature: Feature, arrays: Mapping[str, Array]) -> Column:
        """Return the values of a feature; see :meth:`FeatureColumns.find`."""
        return self._features.find(feature, arrays)

    def arrays(self, records: Array) -> dict[str, Array]:
        """Return the values of each input and output."""
        found = {}
        for place, part in enumerate(self._parts):
            values = records[str(place)]
            found[part.name] = self._texts[values] if part.is_text else values
        return found

    def key_ids(self, records: Array) -> list[str | None]:
        """Return the id of each caller's key; empty if no caller has one."""
        known = list(self.keys)
        if known in ([], [None]):
            return []
        return [known[number] for number in records["key"].tolist()]


class _Keys(dict["str | None", int]):
    """Gives each id of a key a number."""

    def __missing__(self, key: str | None) -> int:
        if len(self) == _MAX_KEYS:
            raise KeyError(key)
        self[key] = number = len(self)
        return number


class PackedTable:
    """Packed rows as columns, like :class:`inference.monitoring.columns.ServedTable`.

    Args:
        form: Their form.
        records: The rows.

    Attributes:
        rows: How many there are.
    """

    def __init__(self, form: RowForm, records: Array) -> None:
        self._form = form
        self._records = records
        self._arrays = form.arrays(records)
        self.rows = len(records)

    def feature(self, feature: Feature) -> Column:
        """Return the values of a feature; see :meth:`FeatureColumns.find`."""
        return self._form.feature(feature, self._arrays)

    def answers(self) -> dict[str, Column]:
        """Return inputs and outputs by name; the latter as the caller has asked for them."""
        none = np.zeros(self.rows, dtype=bool)
        return {name: Column(values, none) for name, values in self._arrays.items()}

    def requests(self, offset: float) -> Requests:
        """Return what is known of the requests.

        Args:
            offset: What turns the time of :func:`time.perf_counter` into seconds since the epoch.
        """
        started, done = self._records["started"], self._records["done"]
        return Requests(
            ids=self._records["id"].tolist(),
            keys=self._form.key_ids(self._records),
            times=done + offset,  # type: ignore[arg-type]
            seconds=done - started,
            counts=(),
        )


def _layout(parts: Sequence[RowPart], texts: int, numbers: int) -> np.dtype[Any]:
    """Return the type of a packed row.

    Args:
        parts: The inputs and outputs.
        texts: How many texts it has.
        numbers: The bytes of all numbers.
    """
    fields: list[tuple[str, Any, int]] = [
        (name, dtype, offset) for name, (dtype, offset, *_) in (_HEAD.fields or {}).items()
    ]
    next_text = _HEAD.itemsize
    begin = next_text + texts * _TEXT.itemsize
    for place, part in enumerate(parts):
        if part.is_text:
            fields.append((str(place), (_TEXT, part.shape), next_text))
            next_text += part.width * _TEXT.itemsize
        else:
            fields.append((str(place), (part.dtype, part.shape), begin + part.offset))
    names, formats, offsets = zip(*fields, strict=True)
    size = begin + numbers
    described: Any = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
    dtype: np.dtype[Any] = np.dtype(described)
    return dtype
