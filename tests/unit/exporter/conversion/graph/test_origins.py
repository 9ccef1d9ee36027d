"""Trees behind functions that rise answer like the original, to the last bit of an argument."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from exporter.conversion.compose import compose
from exporter.conversion.graph.cleanup import keep_outputs
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.origins import Origin, Traced
from exporter.data.estimator import FittedEstimator
from support.models.asked_trees import around, ask

pytestmark = pytest.mark.long

RNG = np.random.default_rng(0)
X = np.round(RNG.lognormal(size=(300, 3)), 3)
VALUE = X[:, 0] - X[:, 1]
LABEL = np.median(VALUE) < VALUE
FUNCTIONS = {
    "log": FunctionTransformer(np.log),
    "log1p": FunctionTransformer(np.log1p),
    "log2": FunctionTransformer(np.log2),
    "log10": FunctionTransformer(np.log10),
    "exp": FunctionTransformer(np.exp),
    "expm1": FunctionTransformer(np.expm1),
    "tanh": FunctionTransformer(np.tanh),
    "yeo-johnson": PowerTransformer(),
    "yeo-johnson as it is": PowerTransformer(standardize=False),
    "box-cox": PowerTransformer("box-cox"),
    "normal": QuantileTransformer(n_quantiles=50, output_distribution="normal"),
}
TREES = {
    "tree": DecisionTreeRegressor(random_state=0),
    "forest": RandomForestClassifier(9, random_state=0),
    "shares": RandomForestClassifier(9, max_depth=3, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=9),
    "adaboost": AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=9),
    "histograms": HistGradientBoostingClassifier(max_iter=9),
}


def _jumps(model: Any, rows: Any) -> Any:
    """Find neighboring doubles between which the first column's values jump over thresholds."""
    trees = model[-1]
    at = trees.tree_.threshold[(trees.tree_.children_left >= 0) & (trees.tree_.feature == 0)]
    found = []
    for threshold in at:
        low, high = X[:, 0].min(), X[:, 0].max()
        while np.nextafter(low, high) < high:
            middle = low + (high - low) / 2
            asked = rows[:1].copy()
            asked[:, 0] = middle
            value = np.float32(model[:-1].transform(asked)[0, 0])
            low, high = (middle, high) if value <= threshold else (low, middle)
        found += [low, high]
    asked = np.repeat(rows[:5], len(found), axis=0)
    asked[:, 0] = np.tile(found, 5)
    return asked


@pytest.mark.parametrize(
    ("function", "tree"),
    [
        *((function, "tree") for function in FUNCTIONS),
        *((function, "histograms") for function in ("log1p", "yeo-johnson", "box-cox")),
        *(("log1p", tree) for tree in ("forest", "shares", "boosting", "adaboost")),
    ],
)
def test_trees_behind_a_function_answer_like_the_original(function: str, tree: str) -> None:
    target = VALUE if tree in ("tree", "boosting") else LABEL
    model = make_pipeline(FUNCTIONS[function], TREES[tree]).fit(X, target)
    assert ask(model, around(X), "float64").holds


@pytest.mark.parametrize("function", FUNCTIONS)
def test_neighboring_doubles_fall_to_either_side_of_each_jump(function: str) -> None:
    """Where the last bit of the function's value decides."""
    model = make_pipeline(FUNCTIONS[function], DecisionTreeRegressor(max_depth=4)).fit(X, VALUE)
    asked = _jumps(model, X)
    assert len(asked) > 10
    assert ask(model, asked, "float64").holds


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler(),
        MinMaxScaler(clip=True),
        RobustScaler(),
    ],
)
def test_a_scaler_behind_the_function_is_moved_with_it(scaler: Any) -> None:
    function = make_pipeline(FunctionTransformer(np.log1p), PowerTransformer())
    for steps in ([function[0], scaler], [function, scaler], [scaler, PowerTransformer()]):
        model = make_pipeline(*steps, DecisionTreeRegressor(max_depth=4)).fit(X, VALUE)
        assert ask(model, np.vstack([around(X), _jumps(model, X)]), "float64").holds


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool])
def test_columns_of_other_types_are_as_the_original_has_them(dtype: Any) -> None:
    rows = (X * 10).astype(dtype)
    model = make_pipeline(PowerTransformer(), TREES["tree"]).fit(rows, VALUE)
    assert ask(model, rows, "float64").holds


def test_other_columns_and_steps_stay_as_they_are() -> None:
    """One column behind a logarithm, one behind a scaler, one as it is; in a frame and combined."""
    frame = pd.DataFrame(X, columns=["one", "two", "three"])
    columns = make_column_transformer(
        (FunctionTransformer(np.log1p, feature_names_out="one-to-one"), ["three"]),
        (StandardScaler(), ["one"]),
        remainder="passthrough",
    )
    asked = pd.DataFrame(around(X), columns=frame.columns).abs()
    for last in (
        TREES["forest"],
        VotingClassifier([("a", TREES["forest"]), ("b", TREES["shares"])]),
    ):
        assert ask(make_pipeline(columns, last).fit(frame, LABEL), asked, "float64").holds


def test_what_has_no_logarithm_is_missing() -> None:
    """Histogram gradient boosting takes missing values, and so those below the domain."""
    rows = X.copy()
    rows[::7, 0] = -5
    with np.errstate(invalid="ignore", divide="ignore"):
        model = make_pipeline(FunctionTransformer(np.log1p), TREES["histograms"])
        model.fit(rows, LABEL)
        asked = np.vstack([around(rows), rows - 1, rows - 2, np.full((1, 3), -1.0)])
        assert ask(model, asked, "float64").holds


def test_categories_beside_a_function_keep_their_numbers() -> None:
    rows = np.c_[X[:, :2], RNG.integers(5, size=len(X))]
    model = make_pipeline(
        make_column_transformer((FunctionTransformer(np.log), [0, 1]), remainder="passthrough"),
        HistGradientBoostingClassifier(categorical_features=[2], max_iter=9, max_bins=10),
    )
    assert ask(model.fit(rows, LABEL ^ (rows[:, 2] == 3)), rows, "float64").holds


def test_the_function_is_not_computed() -> None:
    model = make_pipeline(FunctionTransformer(np.log1p), TREES["forest"]).fit(X, LABEL)
    written, _ = compose(FittedEstimator(model), [Column("X", "real", 3)], "float64")
    keep_outputs(written, ["label", "probabilities"])
    assert "Log" not in {node.op_type for node in written.graph.node}


@pytest.mark.parametrize("function", [np.negative, np.cos, np.square])
def test_functions_that_fall_are_computed(function: Any) -> None:
    model = make_pipeline(FunctionTransformer(function), TREES["forest"]).fit(X, LABEL)
    assert ask(model, X, "float64").holds


@pytest.mark.parametrize("bound", [-np.inf, -1e300, -1.0, 0.0, 5e-324, 0.1, 1e300])
def test_a_threshold_is_moved_to_the_last_double_that_goes_left(bound: float) -> None:
    """From one end of the doubles to the other; of the identity each is its own."""
    origin = Origin([], lambda table: table, -np.inf)
    traced = Traced([Column("x", "real", 1)], [origin])
    (moved,) = traced.move(np.array([0]), np.array([bound]), np.float64)
    assert moved == bound


def test_a_threshold_that_all_values_reach_or_none_is_moved_to_the_end() -> None:
    traced = Traced([Column("x", "real", 1)], [Origin([], np.tanh, -np.inf)])
    moved = traced.move(np.array([0, 0]), np.array([1.5, -1.5]), np.float64)
    assert moved.tolist() == [np.finfo(np.float64).max, -np.inf]
