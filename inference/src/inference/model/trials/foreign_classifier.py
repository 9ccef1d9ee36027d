"""Classifiers without a contract: what their classes are called, and what their table holds.

scikit-learn's converters write a label and a table for every classifier, and for clusterings, too.
The table is only called *probabilities* where the graph is a classifier's and every row that was
tried is a distribution: not negative, with the sum 1. Margins, distances and votes are *scores*.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.errors import RookeryError
from inference.model.graph.lineage import Lineage
from inference.model.graph.onnx_file import parse
from inference.model.outputs import Table, is_distribution, is_labelled_table
from inference.model.trials.run_cost import ended_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.model.session import Stop

MAX_CLASSES = 10_000
_TRIED = 48
_LEAST = 8  # rows without NaN that have to be distributions
_WORDS = ("", "a", "b", "yes", "The quick brown fox", "1")


def examine_table(
    servable: Servable, data: bytes, row_outputs: Sequence[str] | None, seconds: float
) -> Table | None:
    """Find out what a classifier's table holds.

    Args:
        servable: A file without a contract.
        data: The same, whole.
        row_outputs: Names of the outputs that give a value for each row; ``None`` for all.
        seconds: How long trying rows may take.

    Returns:
        ``None`` where it is no classifier.
    """
    if not is_labelled_table(servable.signature):
        return None
    label, table = servable.signature.outputs
    lineage = Lineage(parse(data).graph)
    tried = _try(servable, seconds) if row_outputs is None or row_outputs else None
    width = tried.shares.shape[1] if tried else max(0, *table.shape[1:], 0)
    classes = lineage.class_names(label.name, table.name, width)
    if classes is not None and (len(classes) > MAX_CLASSES or not (tried and tried.fit(classes))):
        classes = None
    decides = lineage.is_classifier(label.name, table.name)
    if tried is not None and decides and is_distribution(tried.shares):
        return Table("probabilities", classes)
    return Table("scores", classes)


class _Tried(NamedTuple):
    """What rows were answered.

    Attributes:
        labels: One for each row.
        shares: Shape ``[rows, classes]``.
    """

    labels: list[Any]
    shares: np.ndarray[Any, Any]

    def fit(self, classes: list[str | int]) -> bool:
        """Whether the label is the class of the largest number, for most rows.

        Not for all: a support vector machine decides by other numbers than it shows.
        """
        best = [classes[index] for index in np.nan_to_num(self.shares).argmax(axis=1)]
        same: int = sum(label == name for label, name in zip(self.labels, best, strict=True))
        return 2 * same >= len(best)


def _try(servable: Servable, seconds: float) -> _Tried | None:
    """Run rows of every kind; ``None`` where too few were answered."""
    if servable.columns is None:
        return None
    rows = _make_rows(servable.features or [])
    found: list[_Tried] = []
    try:
        with ended_after(seconds) as stop:
            whole = _run(servable, rows, stop)
            found = [whole] if whole else []
            for row in rows if whole is None else []:
                answer = _run(servable, [row], stop)
                found += [answer] if answer else []
    except (RookeryError, ValueError, TypeError):
        pass  # what was answered until then is what is known
    if not found or len({tried.shares.shape[1] for tried in found}) != 1:
        return None
    labels = [label for tried in found for label in tried.labels]
    shares = np.concatenate([tried.shares for tried in found])
    is_known = int((~np.isnan(shares).any(axis=1)).sum()) >= _LEAST
    return _Tried(labels, shares) if is_known else None


def _run(servable: Servable, rows: list[list[Any]], stop: Stop) -> _Tried | None:
    try:
        labels, table = servable.run(None, servable.to_feeds(rows), stop)
    except RookeryError:
        if stop.options.terminate:
            raise
        return None  # a foreign graph may take no batch, or not these values
    if isinstance(table, list):  # ZipMap's
        table = np.array([list(row.values()) for row in table], dtype=np.float64)
    is_whole = table.ndim == 2 and len(table) == len(labels) == len(rows)
    return _Tried(labels.tolist(), table.astype(np.float64)) if is_whole else None


def _make_rows(features: Sequence[Feature]) -> list[list[Any]]:
    chance = random.Random(0)  # noqa: S311 - the same rows each time
    rows: list[list[Any]] = []
    for number in range(_TRIED):
        scale = (0.0, 0.1, 1.0, 10.0, 100.0, 1000.0)[number % 6]
        shift = scale * (number % 4)
        rows.append([_value(feature, chance, scale, shift) for feature in features])
    return rows


def _value(feature: Feature, chance: random.Random, scale: float, shift: float) -> Any:
    match feature.kind:
        case "boolean":
            return chance.random() < 0.5
        case "integer":
            return chance.randint(0, int(scale))
        case "category":
            return chance.choice(_WORDS)
        case _:
            return chance.gauss() * scale + shift
