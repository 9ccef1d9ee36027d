from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.contract.background import choose_background
from exporter.data.estimator import FittedEstimator
from exporter.data.forms import find_form
from exporter.data.reader import read_table
from exporter.data.table import Column, Table
from inference.model.contract import MAX_BACKGROUND, Contract, Feature
from inference.model.contract_codec import check_contract
from support.models.artifacts import contract

RNG = np.random.default_rng(5)


def numbers(*columns: Any) -> tuple[Table, list[Feature]]:
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    made = tuple(Column(f"x{i}", "number", array) for i, array in enumerate(arrays))
    features = [Feature(f"x{i}", "number", "X") for i in range(len(arrays))]
    return Table(made, np.column_stack(arrays)), features


def texts(values: list[Any]) -> tuple[Table, list[Feature]]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    table = Table((Column("t", "text", array),), pd.DataFrame({"t": values}))
    return table, [Feature("t", "category", "t", categories=["a"], open_categories=True)]


def described(features: list[Feature], rows: Any) -> Contract:
    return contract(features, None, background=rows)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 1000])
def test_background_is_up_to_64_rows_of_the_data(count: int) -> None:
    table, features = numbers(np.arange(count) / 7, RNG.normal(size=count))
    rows = choose_background(table, features)
    assert rows is not None
    assert len(rows) == min(count, MAX_BACKGROUND)
    assert len({tuple(row) for row in rows}) == len(rows)
    given = table.rows()
    assert all(row in given for row in rows)
    check_contract(described(features, rows))


def test_same_data_has_same_background() -> None:
    table, features = numbers(*RNG.normal(size=(3, 30_000)))  # more than it chooses from
    assert choose_background(table, features) == choose_background(table, features)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_mean_answer_of_background_is_nearer_than_that_of_random_rows(load: Any) -> None:
    x, y = load(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    table = read_table(x, FittedEstimator(model, find_form(x)), None)
    rows = choose_background(table, [Feature(n, "number", "X") for n in table.names])
    mean = model.predict_proba(x).mean(axis=0)
    own = np.abs(model.predict_proba(np.array(rows)).mean(axis=0) - mean).max()
    random = [
        np.abs(model.predict_proba(x[RNG.choice(len(x), 64, replace=False)]).mean(axis=0) - mean)
        for _ in range(40)
    ]
    assert own < 0.5 * np.mean([error.max() for error in random])


def test_rare_rows_do_not_count_more_than_they_are() -> None:
    far = np.r_[np.zeros(6400), np.full(100, 1e6)]
    table, features = numbers(far + RNG.normal(size=6500))
    rows = choose_background(table, features)
    assert rows is not None
    assert sum(float(row[0] or 0) > 1e5 for row in rows) == 1


def test_rows_that_no_caller_can_send_are_left_out() -> None:
    values = np.r_[np.full(50, np.nan), np.full(50, 1e300), [-np.inf, np.inf], np.arange(10.0)]
    table, features = numbers(values)
    rows = choose_background(table, features)
    assert rows == [[float(i)] for i in range(10)]
    nullable = [Feature("x0", "number", "X", nullable=True)]
    rows = choose_background(table, nullable)
    assert rows is not None
    assert [None] in rows
    check_contract(described(nullable, rows))


def test_no_background_where_no_row_can_be_sent() -> None:
    table, features = numbers(np.full(5, np.nan))
    assert choose_background(table, features) is None


def test_categories_are_represented_by_their_share() -> None:
    table, features = texts(["a"] * 750 + ["b"] * 250)
    rows = choose_background(table, features)
    assert rows is not None
    assert sum(row == ["a"] for row in rows) == 48
    assert len(rows) == 64


def test_whole_numbers_of_a_category_are_integers() -> None:
    table, _ = numbers(np.tile([1.0, 2.0], 40))
    features = [Feature("x0", "category", "X", categories=[1, 2])]
    rows = choose_background(table, features)
    assert rows is not None
    assert {type(row[0]) for row in rows} == {int}
    check_contract(described(features, rows))


def test_long_texts_are_fewer_rows_or_none() -> None:
    table, features = texts([f"{i} " * 2500 for i in range(100)])
    rows = choose_background(table, features)
    assert rows is not None
    assert 8 <= len(rows) < 64
    table, features = texts([f"{i} " * 25_000 for i in range(100)])
    assert choose_background(table, features) is None


def test_constant_columns_and_equal_rows_are_chosen_from() -> None:
    table, features = numbers(np.ones(100), np.zeros(100))
    assert choose_background(table, features) == [[1.0, 0.0]] * 64
