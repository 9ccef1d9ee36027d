"""The values of one column as bytes, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

if TYPE_CHECKING:
    from inference.monitoring.log.rows.schema import Kind

Array = np.ndarray[Any, Any]

_DTYPES: dict[str, np.dtype[Any]] = {
    "integer": np.dtype("<i8"),
    "float": np.dtype("<f4"),
    "double": np.dtype("<f8"),
    "boolean": np.dtype("?"),
    "floats": np.dtype("<f4"),
    "doubles": np.dtype("<f8"),
}
_INT64_LIMIT = 2.0**63
_texts = msgspec.json.Decoder(list[str | None])


class Values(NamedTuple):
    """The values of one column.

    Attributes:
        values: One for each row: a list of texts, or an array; of lists a matrix.
        missing: Whether a value is missing; ``None`` if none is.
    """

    values: Any
    missing: Array | None = None

    def to_list(self) -> list[Any]:
        """Return the values as Python objects, ``None`` for missing ones."""
        values: list[Any] = self.values if isinstance(self.values, list) else self.values.tolist()
        if self.missing is None:
            return values
        pairs = zip(values, self.missing.tolist(), strict=True)
        return [None if is_missing else value for value, is_missing in pairs]


def encode_values(kind: Kind, values: Any, missing: Array | None = None) -> tuple[bytes, bytes]:
    """Encode a column. A value that is none of its kind is missing, such as 1.5 of an integer.

    Args:
        kind: The type of the values.
        values: An array, or a list of texts.
        missing: Whether a value is missing; ``None`` if none is.

    Returns:
        The values, and which are missing; the latter is empty if none is.
    """
    if missing is not None and not missing.any():
        missing = None
    if kind == "text":
        return _encode_texts(Values(values, missing).to_list()), b""
    if kind in ("floats", "doubles") and np.ndim(values) == 1:
        values = np.reshape(values, (len(values), -1))
    if kind == "integer":
        values, missing = _to_integers(np.asarray(values), missing)
    content = np.ascontiguousarray(values, _DTYPES[kind]).tobytes()
    return content, b"" if missing is None else np.asarray(missing, bool).tobytes()


def decode_values(kind: Kind, content: memoryview, missing: memoryview, rows: int) -> Values:
    """Decode a column; see :func:`encode_values`."""
    if kind == "text":
        return Values(_texts.decode(content))
    array: Array = np.frombuffer(content, _DTYPES[kind])
    if kind in ("floats", "doubles"):
        array = array.reshape(rows, -1)
    return Values(array, np.frombuffer(missing, bool) if len(missing) else None)


def _encode_texts(texts: list[str | None]) -> bytes:
    try:
        return msgspec.json.encode(texts)
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        pairs = (None if t is None else t.encode(errors="replace").decode() for t in texts)
        return msgspec.json.encode(list(pairs))


def _to_integers(values: Array, missing: Array | None) -> tuple[Array, Array | None]:
    if values.dtype.kind in "bi" or (values.dtype.kind == "u" and values.dtype.itemsize < 8):
        return values, missing
    if values.dtype == np.object_:
        values = np.array([_parse(text) for text in values.tolist()], np.object_)
        wrong = np.array([value is None for value in values], bool)
    elif values.dtype.kind == "u":
        wrong = values >= np.uint64(_INT64_LIMIT)
    else:
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(values) < _INT64_LIMIT) & (np.floor(values) == values))
    if missing is not None:
        wrong = wrong | missing
    filled = np.where(wrong, 0, values).astype(np.int64)
    return filled, wrong if wrong.any() else None


def _parse(text: Any) -> int | None:
    try:
        number = int(text)
    except (TypeError, ValueError):
        return None
    return number if -_INT64_LIMIT <= number < _INT64_LIMIT else None
