"""Rows that X does not show decide which way to convert is taken, and whether any is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from exporter.conversion import search
from exporter.conversion.parity import Comparison
from exporter.conversion.probes import edges
from exporter.conversion.probes.edges import find_jumps, thresholds
from exporter.conversion.probes.generate import generate
from exporter.conversion.probes.values import around, integers, numbers, texts
from exporter.conversion.search import find_conversion
from exporter.data.answers.answers import Answers
from exporter.data.dataset import Rows
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table
from exporter.data.table import Column
from exporter.errors import ParityError

IRIS, SPECIES = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def _enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine make as many rows as an idle one."""
    monkeypatch.setattr(edges, "_SECONDS", 20.0)


def rows_of(model: Any, x: Any) -> tuple[FittedEstimator, Rows]:
    original = FittedEstimator(model)
    table = read_table(x, original, None)
    return original, Rows(table, original.answer(table.native))


def test_numbers_lie_between_at_beside_and_beyond() -> None:
    column = Column("x", "number", np.array([1.0, 2.0, np.nan, 4.0]))
    made = numbers(column, np.array([2.7]), np.random.default_rng(0))
    assert {1.5, 3.0, 2.7, np.nextafter(2.7, 3), np.nextafter(2.7, 2)} <= set(made.tolist())
    assert made.min() < 1
    assert made.max() > 4
    assert np.isfinite(made).all()


def test_the_values_beside_a_threshold_are_neighbors_in_either_precision() -> None:
    made = around(np.array([0.1]))
    single = np.float32(0.1)
    assert float(np.nextafter(single, np.float32(1))) in made
    half = (float(single) + float(np.nextafter(single, np.float32(1)))) / 2
    assert {half, np.nextafter(half, 1), np.nextafter(half, 0)} <= set(made.tolist())


def test_whole_numbers_stay_whole() -> None:
    made = integers(Column("n", "integer", np.array([3, 9])), np.array([4.5]), _seeded())
    assert made.dtype.kind == "i"
    assert {2, 3, 4, 5, 6, 9, 10} <= set(made.tolist())


def test_texts_have_accents_blanks_cases_and_lengths() -> None:
    column = Column("t", "text", np.array(["good", None, "bad"], dtype=object))
    made = texts(column, _seeded()).tolist()
    assert {"good", "bad"} <= set(made)
    assert any("é" in text for text in made)
    assert any("  " in text for text in made)
    assert any(len(text) > 100 for text in made)
    assert any(text.isupper() for text in made)


def _seeded() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_same_data_gives_the_same_rows() -> None:
    original, rows = rows_of(DecisionTreeClassifier(random_state=0).fit(IRIS, SPECIES), IRIS)
    one, other = (generate(original, rows.table, 1e-5) for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one[0].native, other[0].native)
    assert len(one[0]) >= 1000


def test_every_threshold_of_a_tree_is_among_them() -> None:
    tree = DecisionTreeClassifier(random_state=0).fit(IRIS, SPECIES)
    split = tree.tree_.children_left >= 0
    found = thresholds(make_pipeline(StandardScaler(), tree), 4)

    pairs = zip(tree.tree_.feature[split], tree.tree_.threshold[split], strict=True)
    assert sum(map(len, found)) == len(set(pairs))


def test_rows_that_the_original_refuses_are_left_out() -> None:
    """An encoder that knows its numbers only, beside a column that takes all of them."""
    frame = pd.DataFrame({"n": [1, 5, 9] * 20, "x": np.linspace(0, 1, 60)})
    model = make_pipeline(OneHotEncoder(), DecisionTreeClassifier())
    model.fit(frame[["n"]], frame["x"] > 0.5)
    original, rows = rows_of(model, frame[["n"]])
    made = generate(original, rows.table, 1e-5)
    assert made is not None
    assert set(made[0].columns[0].to_scalars()) == {1, 5, 9}


def test_jumps_behind_a_scaler_are_found_to_the_last_bit() -> None:
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0))
    original, rows = rows_of(model.fit(IRIS, SPECIES), IRIS)
    found = find_jumps(original, rows.table, 1e-5, _seeded())
    assert found is not None
    below, above = np.split(np.asarray(found.native), 2)
    assert (np.nextafter(below, above) == above).all()
    shares = [model.predict_proba(part) for part in (below, above)]
    assert (np.abs(shares[0] - shares[1]).max(axis=1) > 0.5).all()


class Step(ClassifierMixin, BaseEstimator):
    """Answers by a threshold that no row of X comes near."""

    def fit(self, X: Any, y: Any) -> Step:  # noqa: N803
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        second = (np.asarray(X)[:, 0] > 0.3).astype(float)
        return np.c_[1 - second, second]

    def predict(self, X: Any) -> Any:  # noqa: N803
        return self.classes_[(np.asarray(X)[:, 0] > 0.3).astype(int)]


def test_a_file_that_is_wrong_between_the_rows_only_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message shows a row that X does not have."""
    x = np.array([[0.0], [1.0]] * 30)
    original, rows = rows_of(Step().fit(x, x[:, 0]), x)

    def wrong(_: Any, __: Any, table: Any, *___: Any) -> Answers:
        second = (np.array(table.columns[0].to_scalars()) > 0.4).astype(float)
        return Answers(second.astype(int), np.c_[1 - second, second])

    monkeypatch.setattr(search, "convert", lambda *_, **__: None)
    monkeypatch.setattr(search, "run", wrong)
    with pytest.raises(ParityError, match="generated rows between and around those of X"):
        find_conversion(original, rows, 1e-5, lambda _: None)


def test_what_float32_turns_between_the_rows_is_converted_in_float64() -> None:
    x = np.arange(0, 200, 2).reshape(-1, 1) / 10
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0))
    original, rows = rows_of(model.fit(x, np.arange(100) % 2), x)
    conversion, comparison = find_conversion(original, rows, 1e-5, lambda _: None)
    assert conversion.layout.precision == "float64"
    assert comparison.generated >= 1000
    assert len(comparison.equal) == comparison.generated + 100


def test_the_contract_tells_given_and_generated_rows_apart() -> None:
    given = Comparison(np.ones(3, dtype=bool), np.zeros(3), 1e-5)
    made = Comparison(np.ones(7, dtype=bool), np.full(7, 1e-7), 1e-5)
    parity = given.joined([made]).to_contract("float32")
    assert (parity.rows, parity.generated, parity.max_difference) == (3, 7, 1e-7)


def test_reports_how_many_rows_have_been_compared() -> None:
    """A large table takes long, so progress is reported."""
    x = np.repeat(IRIS, 20, axis=0)
    original, rows = rows_of(DecisionTreeClassifier(random_state=0).fit(IRIS, SPECIES), x)
    reported: list[str] = []
    find_conversion(original, rows, 1e-5, reported.append)
    assert [line for line in reported if "compared" in line] == [
        f"float32, {done} of 3,000 rows compared" for done in ("1,000", "2,000", "3,000")
    ]


def test_original_that_refuses_numbers_between_those_of_x_is_asked_about_others() -> None:
    """An encoder of whole floats refuses 1.5, which is no reason to fail."""
    levels = np.random.default_rng(0).integers(0, 4, (80, 2)).astype(float)
    for encoder in (OneHotEncoder(), OrdinalEncoder()):
        model = make_pipeline(encoder, LogisticRegression()).fit(levels, levels[:, 0] > 1)
        original = FittedEstimator(model)
        made = generate(original, read_table(levels, original), 1e-5)
        assert made is not None
        assert len(made[0]) > 10


def test_thresholds_are_those_of_fitted_boosters_within_wrappers() -> None:
    """A search and a vote also hold the booster that they have copied, which is not fitted."""
    boosters: list[Any] = [
        XGBClassifier(n_estimators=2, n_jobs=1),
        LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1),
        CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False),
    ]
    for booster in boosters:
        vote = VotingClassifier([("a", booster)]).fit(IRIS, SPECIES)
        assert sum(map(len, thresholds(vote, 4))) > 1


def test_values_around_the_largest_are_finite() -> None:
    largest = np.finfo(np.float64).max
    assert np.isfinite(around(np.array([largest, -largest, 3.4e38]))).all()
