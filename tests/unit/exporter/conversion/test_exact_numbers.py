"""What tells numbers apart is asked about numbers that single precision cannot tell apart."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import FastICA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from exporter import publish
from exporter.conversion.precision import needs_doubles
from exporter.conversion.probes.rows import replace_columns
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table
from exporter.errors import ConversionError, ModelError
from inference.model.servable import Servable

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

RNG = np.random.default_rng(4)
LEVELS = RNG.integers(0, 4, (200, 2)).astype(float)
LEVEL_CLASS = (LEVELS[:, 0] + RNG.normal(0, 1, 200) > 1.5).astype(int)
TEXTS = ["good day", "bad day", "a good cat", "bad bad weather", "don't", "x_y z"] * 5


def log() -> LogisticRegression:
    """The last step."""
    return LogisticRegression()


def publish_and_ask(folder: Path, model: Any, x: Any, rows: Any) -> tuple[Any, Any]:
    """Publish a model and give the file's label indices and probabilities."""
    path = publish(model, "m", x, models_dir=folder, progress=False).path
    servable = Servable.load("m", 1, path.read_bytes())
    table = [[v] for v in rows] if isinstance(rows, list) else np.asarray(rows).tolist()
    return tuple(servable.run(["label", "probabilities"], servable.to_feeds(table)))


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), log()),
        make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), log()),
        make_pipeline(TargetEncoder(cv=2), log()),
        make_pipeline(SimpleImputer(missing_values=2.0), log()),
        make_pipeline(SimpleImputer(missing_values=2), log()),
        BernoulliNB(binarize=2.0),
        CategoricalNB(),
    ],
    ids=lambda m: type(getattr(m, "steps", [("", m)])[0][1]).__name__,
)
def test_numbers_beside_a_category_or_a_bound_are_others(model: Any, tmp_path: Path) -> None:
    """2.0000000001 is neither the category 2 nor what stands for a missing value."""
    model.fit(LEVELS, LEVEL_CLASS)
    rows = np.array([[2 + 1e-10, 1], [2 - 1e-10, 1], [2, 1], [1, 3 - 1e-10], [1, 1e-10]])
    labels, shares = publish_and_ask(tmp_path, model, LEVELS, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert labels.tolist() == model.predict(rows).tolist()
        np.testing.assert_allclose(shares, model.predict_proba(rows), atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float32"])
@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame])
def test_narrow_numbers_neither_wrap_nor_round_in_generated_rows(dtype: str, form: Any) -> None:
    """A caller may send -1 or 300 for a column of bytes, and the original is asked about that."""
    x = form(RNG.integers(0, 100, (50, 2)).astype(dtype))
    if isinstance(x, pd.DataFrame):
        x = x.set_axis(["a", "b"], axis=1)
    model = DecisionTreeClassifier().fit(x, np.arange(50) % 2)
    table = read_table(x, FittedEstimator(model)).take([0, 1, 2])
    wanted = np.array([-1, 300, 70_000]) if dtype != "float32" else np.array([0.1, 1 / 3, 2e9 + 1])
    made = replace_columns(table, {0: wanted})
    assert np.asarray(made.native)[:, 0].tolist() == wanted.tolist()
    assert made.columns[0].to_scalars() == wanted.tolist()


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_narrow_numbers_behind_a_scaler_are_published(dtype: str, tmp_path: Path) -> None:
    """The tree sees in the file what it sees of doubles."""
    x = RNG.integers(0, 100, (200, 3)).astype(dtype)
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier()).fit(x, LEVEL_CLASS)
    rows = x.astype(float) + 0.5 if dtype == "float32" else x.astype(int) - 1
    labels, _ = publish_and_ask(tmp_path, model, x, rows)
    assert labels.tolist() == model.predict(rows).tolist()


@pytest.mark.parametrize(
    "last", [KNeighborsClassifier(3), KNeighborsClassifier(3, weights="distance"), SVC()]
)
def test_what_was_learnt_from_sparse_rows_is_written(last: Any, tmp_path: Path) -> None:
    """Neighbors and support vectors are sparse there."""
    model = make_pipeline(CountVectorizer(), last).fit(TEXTS, [0, 1, 0, 1, 1, 0] * 5)
    path = publish(model, "m", TEXTS, models_dir=tmp_path, progress=False).path
    servable = Servable.load("m", 1, path.read_bytes())
    feeds = servable.to_feeds([[text] for text in TEXTS[:6]])
    assert servable.run(["label"], feeds)[0].tolist() == model.predict(TEXTS[:6]).tolist()


@pytest.mark.parametrize("pattern", [r"\w+", r"(?u)\w+", r"\S+", r"[^\s]+"])
def test_patterns_of_whole_runs_are_written(pattern: str, tmp_path: Path) -> None:
    """They need no boundaries."""
    model = make_pipeline(CountVectorizer(token_pattern=pattern), log())
    model.fit(TEXTS, [0, 1, 0, 1, 1, 0] * 5)
    asked = ["don't", "x_y\u00a0z\u2003good\x1fday", "bad-DAY  é½", ""]
    _, shares = publish_and_ask(tmp_path, model, TEXTS, asked)
    np.testing.assert_allclose(shares, model.predict_proba(asked), atol=1e-5)


@pytest.mark.parametrize(
    "step",
    [
        LinearDiscriminantAnalysis(n_components=1),
        LinearDiscriminantAnalysis(solver="eigen"),
        FastICA(2, random_state=0),
        *map(FunctionTransformer, (np.log2, np.log10, np.expm1, np.reciprocal)),
    ],
    ids=str,
)
def test_projections_and_functions_are_written_in_double(step: Any, tmp_path: Path) -> None:
    """Neighbors need them so."""
    x = RNG.uniform(1, 3, (120, 3))
    y = (x[:, 0] > 2).astype(int) + (x[:, 1] > 2.5)
    model = make_pipeline(step, KNeighborsClassifier(3)).fit(x, y)
    labels, _ = publish_and_ask(tmp_path, model, x, x + 0.01)
    assert labels.tolist() == model.predict(x + 0.01).tolist()


def test_kernel_ridge_is_written(tmp_path: Path) -> None:
    """It weighs the likeness to the rows that it was fitted on."""
    x = RNG.normal(size=(80, 3))
    model = KernelRidge(kernel="rbf", gamma=0.5).fit(x, x[:, 0] ** 2)
    path = publish(model, "m", x, models_dir=tmp_path, progress=False).path
    servable = Servable.load("m", 1, path.read_bytes())
    (values,) = servable.run(["value"], servable.to_feeds((x + 0.1).tolist()))
    np.testing.assert_allclose(values.ravel(), model.predict(x + 0.1), atol=1e-4)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (HistGradientBoostingClassifier(max_iter=2), ModelError),
        (OneVsRestClassifier(log()), ModelError),
        (AdaBoostClassifier(n_estimators=2), ConversionError),
    ],
)
def test_a_classifier_that_has_seen_one_class_is_refused_by_that_name(
    model: Any, error: Any, tmp_path: Path
) -> None:
    """Such models answer with two probabilities for one class, or not at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(LEVELS, np.zeros(200, dtype=int))
        with pytest.raises(error, match="class"):
            publish(model, "m", LEVELS, models_dir=tmp_path, progress=False)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.floor(x * 100),
        lambda x: (x * 100).astype(int),
        lambda x: (x * 3 > 0.3).astype(float),
        lambda x: x % 0.1,
        np.rint,
    ],
)
def test_functions_with_steps(tmp_path: Path, function: Any) -> None:
    """Also of numbers with two digits, which X does not have."""
    x = RNG.random((300, 1))
    model = make_pipeline(FunctionTransformer(function), Ridge()).fit(x, x[:, 0])
    rows = np.arange(0, 1, 0.01)[:, None]
    path = publish(model, "m", x, models_dir=tmp_path, progress=False).path
    servable = Servable.load("m", 1, path.read_bytes())
    (values,) = servable.run(["value"], servable.to_feeds(rows.tolist()))
    np.testing.assert_allclose(np.ravel(values), model.predict(rows), atol=1e-6)


@pytest.mark.parametrize(
    "first",
    [
        FunctionTransformer(lambda x: np.where(np.log(x) > 1.5, 1.0, x)),
        FunctionTransformer(lambda x: np.where(np.sin(x) > 0.5, 1.0, x)),
        FunctionTransformer(lambda x: np.floor(np.log10(x + 1) * 7)),
    ],
    ids=["log", "sin", "floor of a log"],
)
def test_bounds_of_what_no_two_libraries_round_alike_are_no_reason_to_refuse(
    tmp_path: Path, first: Any
) -> None:
    """The last digit of a logarithm decides only for rows that differ in their last digit."""
    x, y = load_iris(return_X_y=True)
    model = make_pipeline(first, StandardScaler(), LogisticRegression(max_iter=2000)).fit(x, y)
    assert publish(model, "m", x, y, models_dir=tmp_path, progress=False).version == 1


def test_labels_of_densities_may_be_the_features_of_another_model(tmp_path: Path) -> None:
    x, y = load_iris(return_X_y=True)
    pair = [("a", LogisticRegression(max_iter=500)), ("b", GaussianNB())]
    model = StackingClassifier(pair, stack_method="predict").fit(x, y)
    assert publish(model, "m", x, y, models_dir=tmp_path, progress=False).version == 1


def test_periods_far_from_all_rows(tmp_path: Path) -> None:
    x = RNG.random((300, 1)) * 7
    model = make_pipeline(SplineTransformer(extrapolation="periodic"), Ridge())
    model.fit(x, np.sin(x[:, 0]))
    rows = x[:20] + 1e6
    path = publish(model, "m", x, models_dir=tmp_path, progress=False).path
    servable = Servable.load("m", 1, path.read_bytes())
    (values,) = servable.run(["value"], servable.to_feeds(rows.tolist()))
    np.testing.assert_allclose(np.ravel(values), model.predict(rows), atol=1e-6)


@pytest.mark.parametrize("last", [DecisionTreeClassifier(max_depth=3), Ridge()])
def test_trees_behind_weights_need_doubles(last: Any) -> None:
    plain = make_column_transformer((SimpleImputer(), [0, 1]))
    weighted = clone(plain).set_params(transformer_weights={"simpleimputer": 0.1})
    is_tree = isinstance(last, DecisionTreeClassifier)
    for columns, needed in ((plain, False), (weighted, is_tree)):
        model = make_pipeline(clone(columns), clone(last)).fit(LEVELS, LEVEL_CLASS)
        assert needs_doubles(model) == needed
