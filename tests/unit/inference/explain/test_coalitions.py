"""How many rows one run may have; test_shapley has the rows themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference.explain.coalitions import RUN_ROWS, Composer

MIB = 1024 * 1024


def composer(*background: str, inputs: int = 1) -> Composer:
    """Return a composer of text features, each an input of its own."""
    names = [f"t{i}" for i in range(inputs)]
    servable: Any = SimpleNamespace(
        features=[SimpleNamespace(input=name) for name in names],
        to_feeds=lambda rows: {name: texts(*rows) for name in names},
    )
    return Composer(servable, list(background))


def texts(*values: str) -> Any:
    return np.array(values, dtype=object)[:, None]


@pytest.mark.parametrize(
    ("record", "background", "most"),
    [
        ("", "", RUN_ROWS),
        ("a" * 1024, "a" * 1024, RUN_ROWS),
        ("a" * 1025, "a" * 1024, 16 * MIB // 2049),
        ("a" * MIB, "", 16),
        ("", "a" * MIB, 16),
        ("\N{EURO SIGN}" * MIB, "", 5),
        ("\ud800" * MIB, "", 5),
        ("a" * 20 * MIB, "", 1),
    ],
    ids=["none", "limit", "above", "record", "background", "utf-8", "surrogates", "one row"],
)
def test_long_texts_make_runs_of_fewer_rows(record: str, background: str, most: int) -> None:
    assert composer(background, "").most_rows({"t0": texts(record)}, 1) == most


def test_texts_of_all_columns_count() -> None:
    half = texts("a" * (MIB // 2))
    assert composer("", inputs=2).most_rows({"t0": half, "t1": half}, 1) == 16


@pytest.mark.parametrize(
    ("outputs", "most"), [(1, RUN_ROWS), (128, RUN_ROWS), (129, MIB // 129), (2 * MIB, 1)]
)
def test_many_outputs_make_runs_of_fewer_rows(outputs: int, most: int) -> None:
    assert composer("").most_rows({"t0": texts("")}, outputs) == most
