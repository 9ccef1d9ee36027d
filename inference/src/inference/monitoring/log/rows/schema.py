"""The columns of a log: fixed ones, those of the features, and those of the answer."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from inference.model.feature_rules import rule_of
from inference.monitoring.log.rows.truth_kind import TruthKind  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from inference.model.contract import Feature

Kind = Literal["text", "integer", "float", "double", "boolean", "floats", "doubles"]

# Which come first in a file, in this order. The others are added when files and feedback are read.
FIXED = ("time", "request_id", "row", "version", "digest", "key_id", "latency_ms")
OPTIONAL = ("digest", "key_id", "latency_ms")  # of these, what may be left out
RESERVED = (*FIXED, "model", "date", "truth", "truth_time")
_FLOAT_BYTES = 4


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        name: Its name in the files.
        kind: The type of its values: of a float 32 bits, of a double and an integer 64; ``floats``
            and ``doubles`` are lists. Any value may be missing.
    """

    name: str
    kind: Kind


class Schema(msgspec.Struct, frozen=True, dict=True):
    """What the rows of one artifact are logged as.

    Attributes:
        model: The model's name.
        version: Its version.
        digest: SHA-256 of the artifact; empty if that is left out.
        columns: The columns of features and answer, in the order of the files.
        has_keys: Whether the ids of API keys are logged.
        has_latency: Whether latencies are logged.
        truth_kind: What the truth of an answer is; ``None`` if there is none, or if a column that
            it is compared with is left out.
        truth_columns: The columns that the truth is compared with, in the order of the kind's.
    """

    model: str
    version: int
    digest: str
    columns: list[Column]
    has_keys: bool = True
    has_latency: bool = True
    truth_kind: TruthKind | None = None
    truth_columns: list[str] = []

    @cached_property
    def encoded(self) -> bytes:
        """The schema as JSON."""
        return msgspec.json.encode(self)

    @cached_property
    def id(self) -> str:
        """Identifies the schema by its content."""
        return hashlib.blake2b(self.encoded, digest_size=8).hexdigest()


class Names:
    """Gives columns names that differ in more than upper and lower case, as SQL requires.

    Args:
        taken: Names that are taken already.
    """

    def __init__(self, taken: Iterable[str] = RESERVED) -> None:
        self._taken = {name.casefold() for name in taken} | {""}

    def add(self, name: str, what: str) -> str:
        """Return a name, with an addition if it is taken.

        Args:
            name: The name that the column should have.
            what: The addition, such as ``feature``.

        >>> names = Names()
        >>> [names.add(name, "feature") for name in ("age", "Age", "AGE", "row")]
        ['age', 'Age (feature)', 'AGE (feature 2)', 'row (feature)']
        """
        name = name.replace("\0", "\N{REPLACEMENT CHARACTER}")  # as no Parquet file may have it
        chosen, number = name, 1
        while chosen.casefold() in self._taken:
            chosen = f"{name} ({what} {number})" if number > 1 else f"{name} ({what})"
            number += 1
        self._taken.add(chosen.casefold())
        return chosen


def feature_kind(feature: Feature, dtype: np.dtype[Any] | None) -> Kind:
    """Return the type of a feature's column.

    Args:
        feature: The feature.
        dtype: The type of its input; a number has as many bits as the model reads.
    """
    if feature.kind == "boolean":
        return "boolean"
    if feature.kind == "number":
        kind = number_kind(dtype)
        return kind if kind == "float" else "double"
    return "integer" if int in rule_of(feature).types else "text"


def number_kind(dtype: np.dtype[Any] | None) -> Kind:
    """Return the type of a column of the elements of a tensor; text where they are objects."""
    if dtype is None or dtype.kind not in "fiub":
        return "text"
    if dtype.kind == "f":
        return "float" if dtype.itemsize <= _FLOAT_BYTES else "double"
    return "boolean" if dtype.kind == "b" else "integer"
