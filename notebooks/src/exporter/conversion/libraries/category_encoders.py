"""category_encoders: what each encoder makes of each category, as a table that is looked up.

The encoder itself is asked about each category that it knows, about a missing value and about one
that it has never seen, so that every option is as the encoder has it. A category is looked up in
the graph as scikit-learn's encoders look it up.
"""

from __future__ import annotations

import warnings
from itertools import groupby
from typing import TYPE_CHECKING, Any

import category_encoders as ce
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from exporter.conversion.encoders import encode
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms
from exporter.conversion.libraries import ESTIMATORS
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.conversion.graph.builder import Graph

    Array = np.ndarray[Any, Any]

_UNSEEN = "\u2047 unseen"
_LARGEST_TABLE = 1 << 23
_NAMES = [name.partition(".")[2] for name in ESTIMATORS if name.startswith("category_encoders")]
_ENCODERS = [getattr(ce, name) for name in _NAMES if hasattr(ce, name)]
_INSTEAD = {
    "HashingEncoder": "it hashes each value: use BinaryEncoder, or scikit-learn's TargetEncoder",
    "MultiHotEncoder": "it splits each value: split the column before, and use OneHotEncoder",
}


@transforms(*_ENCODERS)
def transform_encoder(graph: Graph, encoder: Any, columns: Sequence[Column]) -> list[Column]:
    """Look each category up in a table; columns that are not encoded are passed on."""
    name = type(encoder).__name__
    if callable(getattr(encoder, "handle_unknown", None)):
        raise ConversionError(
            f"{name} calls a function for unknown categories, which ONNX cannot: use "
            "handle_unknown='value'"
        )
    homes = dict(zip(encoder.feature_names_in_, _singles(graph, columns), strict=True))
    if any(c not in homes for c in encoder.cols):
        raise ConversionError(
            f"{name} combines columns (composite_cols), which is not supported: combine them "
            "before it"
        )
    tables = {c: _Table(encoder, c, homes) for c in encoder.cols}
    found: list[Column] = []
    outputs = enumerate(encoder.get_feature_names_out())
    for source, group in groupby(outputs, lambda pair: _find_source(name, pair, tables, homes)):
        places = [place for place, _ in group]
        if source in tables:
            code = graph.op("Reshape", tables[source].find(graph), np.array([-1]))
            rows = graph.op("Gather", tables[source].rows[:, places], code)
            found.append(Column(rows, "real", len(places)))
        else:
            found.append(homes[source])
    if all(column.element == "real" for column in found):
        width = sum(column.width for column in found)
        return [Column(graph.concat([c.name for c in found]), "real", width)]
    return found


def _find_source(
    name: str,
    output: tuple[int, Any],
    tables: dict[Any, _Table],
    homes: dict[Any, Column],
) -> Any:
    """Return the column that an output depends on; of a constant, any that is encoded.

    Raises:
        ConversionError: It depends on several.
    """
    place, label = output
    sources = [c for c, table in tables.items() if table.varies[place]]
    if len(sources) > 1:
        raise ConversionError(
            f"{name} combines the columns {', '.join(map(str, sources))}, which is not "
            "supported: combine them before it"
        )
    if sources:
        return sources[0]
    return label if label in homes and label not in tables else next(iter(tables))


def refuse(_: Graph, encoder: Any, __: Sequence[Column]) -> list[Column]:
    """Refuse an encoder by name."""
    name = type(encoder).__name__
    instead = _INSTEAD.get(name, "exporter.supported_estimators() lists those that can")
    raise ConversionError(f"{name} cannot be written as ONNX: {instead}")


_OTHERS = [k for k in vars(ce).values() if isinstance(k, type) and k not in _ENCODERS]
transforms(*_OTHERS)(refuse)


class _Table:
    """What an encoder makes of each category of one column, while the other columns stay.

    Attributes:
        rows: A row for each category, and at the end for an unknown one; NaN where the encoder
            refuses it.
        varies: For each output, whether it depends on this column.
    """

    def __init__(self, encoder: Any, name: Any, homes: dict[Any, Column]) -> None:
        self._column = homes[name]
        is_text = self._column.element == "string"
        known = sorted({c for c in _known(encoder, name) if isinstance(c, str) is is_text}, key=str)
        if not known:
            fitted, found = ("numbers", "strings") if is_text else ("strings", "numbers")
            raise ConversionError(
                f"the encoder was fitted on {fitted} in {name!r}, and X has {found} there: pass X "
                "with the types that the model was fitted on"
            )
        unseen: Any = _UNSEEN if is_text else max(known) + 1.25
        self._categories = np.array([*known, np.nan], dtype=object if is_text else np.float64)
        base = {c: _ordinary(encoder, c, column) for c, column in homes.items()}
        rows = _ask(encoder, base, name, known)
        if rows is None:
            raise ConversionError(f"{type(encoder).__name__} refuses its own categories")
        others = [_ask(encoder, base, name, [value]) for value in (np.nan, unseen)]
        refused = np.full((1, rows.shape[1]), np.nan)
        self.rows = np.vstack([rows, *(refused if o is None else o for o in others)])
        if self.rows.size > _LARGEST_TABLE:
            raise ConversionError(
                f"{name!r} has {len(known):,} categories, too many to look up in a table: set "
                "min_group_size, or use an encoder with one column"
            )
        same = (self.rows == self.rows[0]) | (np.isnan(self.rows) & np.isnan(self.rows[0]))
        self.varies = ~same.all(axis=0)
        self._code: str | None = None

    def find(self, graph: Graph) -> str:
        """Return the index of each value's row in the table."""
        if self._code is None:
            self._code = encode(graph, self._column, self._categories)
        return self._code


def _singles(graph: Graph, columns: Sequence[Column]) -> list[Column]:
    count = sum(column.width for column in columns)
    return [graph.pick(columns, [place])[0] for place in range(count)]


def _ordinary(encoder: Any, name: Any, column: Column) -> Any:
    """Return a value that the encoder takes in a column."""
    is_text = column.element == "string"
    known = (c for c in _known(encoder, name) if isinstance(c, str) is is_text)
    return next(known, "" if is_text else 0.0)


def _ask(encoder: Any, base: dict[Any, Any], name: Any, values: list[Any]) -> Array | None:
    """Transform rows that differ in one column; ``None`` if the encoder refuses them."""
    columns = {
        c: pd.Series(
            values if c == name else [value] * len(values),
            dtype=object if isinstance(value, str) else np.float64,
        )
        for c, value in base.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own use of pandas
        try:
            made = np.asarray(encoder.transform(pd.DataFrame(columns)), dtype=object)
        except Exception:  # noqa: BLE001 - the options decide what is refused, and how
            return None
    made[[[isinstance(v, str) for v in row] for row in made]] = np.nan  # columns passed on
    return made.astype(np.float64)


def _known(encoder: Any, name: Any) -> Iterator[Any]:
    """Yield the categories of a column; others among them do no harm, for the encoder is asked."""
    pending = [encoder]
    while pending:
        value = pending.pop()
        if isinstance(value, BaseEstimator):
            pending += [v for k, v in vars(value).items() if k != "cols"]
        elif isinstance(value, (list, tuple)):
            pending += [v for v in value if isinstance(v, (dict, BaseEstimator))]
        elif isinstance(value, dict):
            mapping = value.get("mapping") if value.get("col") == name else value.get(name)
            keys: Any = mapping if isinstance(mapping, dict) else ()
            if isinstance(mapping, (pd.Series, pd.DataFrame)):
                keys = mapping.index
            yield from (k.item() if isinstance(k, np.generic) else k for k in keys if _is_value(k))


def _is_value(key: Any) -> bool:
    return isinstance(key, (str, bool, int, float, np.number, np.bool_)) and key == key  # noqa: PLR0124 - NaN
