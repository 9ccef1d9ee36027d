"""Every kind of model answers from its file as in the notebook, on rows it has never seen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from exporter import publish
from inference.admission.admission import examine
from inference.model.labels import label_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from exporter import Publication

pytestmark = pytest.mark.slow

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
LENGTHS = MEASUREMENTS[:3]
MIXED = [*MEASUREMENTS, "year", "island", "sex", "heavy"]


@dataclass(frozen=True)
class Case:
    """A model, and what it is fitted on."""

    make: Callable[[], Any]
    target: Any = "species"
    columns: list[str] = field(default_factory=lambda: MEASUREMENTS)
    precision: str = ""  # whichever holds
    as_array: bool = False


def _scaled(estimator: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), estimator)


def _mixed(estimator: Any) -> Pipeline:
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), MEASUREMENTS),
            ("year", OneHotEncoder(), ["year"]),
            ("island", OneHotEncoder(handle_unknown="ignore"), ["island"]),
            (
                "sex",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()),
                ["sex"],
            ),
            ("heavy", "passthrough", ["heavy"]),
        ]
    )
    return make_pipeline(columns, estimator)


CASES: dict[str, Case] = {
    "logistic": Case(lambda: _scaled(LogisticRegression())),
    "logistic-array": Case(lambda: _scaled(LogisticRegression()), as_array=True),
    "logistic-integers": Case(lambda: _scaled(LogisticRegression()), "code"),
    "logistic-booleans": Case(lambda: _scaled(LogisticRegression()), "female"),
    "logistic-binary": Case(lambda: _scaled(LogisticRegression()), "sex"),
    "logistic-floats": Case(lambda: _scaled(LogisticRegression()), ("female", float)),
    "polynomial": Case(lambda: _scaled(make_pipeline(PolynomialFeatures(), LogisticRegression()))),
    "search": Case(lambda: GridSearchCV(_scaled(LogisticRegression()), {})),
    "tree": Case(lambda: DecisionTreeClassifier(random_state=0)),
    "forest": Case(lambda: RandomForestClassifier(20, random_state=0)),
    "forest-integers": Case(lambda: RandomForestClassifier(20, random_state=0), "code"),
    "extra-trees": Case(lambda: ExtraTreesClassifier(20, random_state=0)),
    "gradient-boosting": Case(lambda: GradientBoostingClassifier(n_estimators=10, random_state=0)),
    "gradient-boosting-binary": Case(lambda: GradientBoostingClassifier(n_estimators=10), "sex"),
    "hist-gradient-boosting": Case(
        lambda: HistGradientBoostingClassifier(max_iter=10), precision="float64"
    ),
    "hist-gradient-boosting-booleans": Case(
        lambda: HistGradientBoostingClassifier(max_iter=10), "female", precision="float64"
    ),
    "ada-boost-booleans": Case(
        lambda: AdaBoostClassifier(n_estimators=5, random_state=0), "female"
    ),
    "bagging": Case(lambda: BaggingClassifier(n_estimators=5, random_state=0), precision="float64"),
    "neighbors": Case(lambda: _scaled(KNeighborsClassifier())),
    "neighbors-narrow-integers": Case(lambda: _scaled(KNeighborsClassifier()), ("code", "int8")),
    "neighbors-by-distance": Case(
        lambda: _scaled(KNeighborsClassifier(weights="distance")), precision="float64"
    ),
    "support-vectors": Case(lambda: _scaled(SVC())),
    "support-vectors-calibrated": Case(
        lambda: _scaled(CalibratedClassifierCV(SVC(), ensemble=False))
    ),
    "linear-support-vectors": Case(lambda: _scaled(LinearSVC())),
    "linear-support-vectors-binary": Case(lambda: _scaled(LinearSVC()), "female"),
    "ridge": Case(lambda: _scaled(RidgeClassifier())),
    "bayes": Case(GaussianNB),
    "discriminants": Case(LinearDiscriminantAnalysis),
    "discriminants-binary": Case(LinearDiscriminantAnalysis, "sex"),
    "quadratic-discriminants": Case(QuadraticDiscriminantAnalysis),
    "network": Case(lambda: _scaled(MLPClassifier((4,), solver="lbfgs", random_state=0))),
    "soft-vote": Case(
        lambda: VotingClassifier(
            [("a", _scaled(LogisticRegression())), ("b", GaussianNB())], voting="soft"
        )
    ),
    "hard-vote": Case(lambda: VotingClassifier([("a", GaussianNB()), ("b", RidgeClassifier())])),
    "stack": Case(
        lambda: StackingClassifier(
            [("a", GaussianNB()), ("b", DecisionTreeClassifier(random_state=0))],
            _scaled(LogisticRegression()),
        ),
        precision="float64",
    ),
    "scaled-forest": Case(
        lambda: _scaled(RandomForestClassifier(50, random_state=0)), precision="float64"
    ),
    "mixed-logistic": Case(lambda: _mixed(LogisticRegression(max_iter=1000)), columns=MIXED),
    "mixed-forest": Case(
        lambda: _mixed(RandomForestClassifier(50, random_state=0)),
        columns=MIXED,
        precision="float64",
    ),
    "columns-of-numbers": Case(
        lambda: make_pipeline(
            ColumnTransformer(
                [("a", StandardScaler(), LENGTHS), ("b", MinMaxScaler(), ["body_mass_g"])]
            ),
            LogisticRegression(),
        )
    ),
    "text": Case(
        lambda: make_pipeline(
            ColumnTransformer([("words", TfidfVectorizer(), "island")], remainder=StandardScaler()),
            LogisticRegression(),
        ),
        columns=[*LENGTHS, "island"],
    ),
    "linear-regression": Case(lambda: _scaled(LinearRegression()), "body_mass_g", LENGTHS),
    "linear-regression-two-targets": Case(
        lambda: _scaled(LinearRegression()), ["body_mass_g", "flipper_length_mm"], LENGTHS[:2]
    ),
    "forest-regression": Case(
        lambda: RandomForestRegressor(20, random_state=0), "body_mass_g", LENGTHS
    ),
    "gradient-boosting-regression": Case(
        lambda: GradientBoostingRegressor(n_estimators=10), "body_mass_g", LENGTHS
    ),
    "hist-gradient-boosting-regression": Case(
        lambda: HistGradientBoostingRegressor(max_iter=10),
        "body_mass_g",
        LENGTHS,
        precision="float64",
    ),
    "support-vector-regression": Case(lambda: _scaled(SVR(C=100)), "body_mass_g", LENGTHS),
    "neighbors-regression": Case(
        lambda: _scaled(KNeighborsRegressor()), "body_mass_g", LENGTHS, precision="float64"
    ),
    "gaussian-process-regression": Case(
        lambda: _scaled(GaussianProcessRegressor(alpha=0.1, optimizer=None)),
        "body_mass_g",
        LENGTHS,
    ),
}


def _target(frame: pd.DataFrame, target: Any) -> Any:
    if isinstance(target, tuple):
        return frame[target[0]].astype(target[1])
    return frame[target]


def _publish(case: Case, split: Any, folder: Path) -> tuple[Any, Publication, Any]:
    x, y = split.train[case.columns], _target(split.train, case.target)
    held, held_y = split.test[case.columns], _target(split.test, case.target)
    if case.as_array:
        x, held = x.to_numpy(), held.to_numpy()
    model = case.make().fit(x, y)
    publication = publish(model, "m", x, y, evaluate=(held, held_y), models_dir=folder)
    return model, publication, held


@pytest.mark.parametrize("name", CASES)
def test_answers_held_out_rows_as_the_original_does(
    name: str, split: Any, tmp_path: Path, ask: Any
) -> None:
    """Published, read back and asked through JSON: labels equal, probabilities as close."""
    case = CASES[name]
    model, publication, held = _publish(case, split, tmp_path)
    rows = (
        held.tolist()
        if case.as_array
        else json.loads(held.to_json(orient="values", double_precision=15))
    )
    names = publication.contract.feature_names
    if not case.as_array:
        places = [case.columns.index(n) for n in names]
        rows = [[row[p] for p in places] for row in rows]
    reply = ask(publication.path, rows)
    parity = publication.contract.parity
    assert case.precision in ("", parity.precision)
    assert parity.rows == len(split.train) + len(split.test)
    expected = np.asarray(model.predict(held))
    if is_regressor(model):
        np.testing.assert_allclose(reply.labels, expected, rtol=0, atol=parity.tolerance)
        return
    assert parity.label_agreement == 1.0
    assert reply.labels == expected.tolist()
    assert {type(label) for label in reply.labels} == {type(expected.tolist()[0])}
    assert hasattr(model, "predict_proba") == (reply.probabilities is not None)
    if reply.probabilities is not None:
        differences = np.abs(reply.probabilities - model.predict_proba(held))
        assert differences.max() <= parity.tolerance
    assert publication.contract.classes == model.classes_.tolist()


@pytest.mark.parametrize("name", ["logistic", "mixed-forest", "linear-regression-two-targets"])
def test_fills_the_whole_contract(name: str, split: Any, tmp_path: Path) -> None:
    """Every field that this kind of model can fill is filled, and admission agrees."""
    case = CASES[name]
    model, publication, _ = _publish(case, split, tmp_path)
    contract = publication.contract
    assert contract.feature_names == case.columns
    for feature in contract.features:
        values = split.train[feature.name]
        assert feature.example in values.tolist()
        if feature.kind in ("number", "integer"):
            assert (feature.minimum, feature.maximum) == (values.min(), values.max())
            assert feature.histogram is not None
            assert sum(feature.histogram.counts) == len(values)
        if feature.kind == "category":
            assert feature.categories == sorted(values.unique())
    assert contract.training.rows == len(split.train)
    assert contract.training.metrics is not None
    assert contract.training.metrics.rows == len(split.test)
    assert 8 <= len(contract.samples) <= 32
    if contract.classes is not None:
        labels = {label_key(sample.label) for sample in contract.samples}  # type: ignore[arg-type]
        assert labels == {label_key(c) for c in model.classes_.tolist()}
    else:
        assert contract.targets == ["y0", "y1"]
    report = examine(publication.path)
    assert report.admitted, report.reason
    assert report.samples == len(contract.samples)


def test_labels_by_predict_and_not_by_the_highest_probability(
    split: Any, tmp_path: Path, ask: Any
) -> None:
    """SVC's probabilities come from another fit than its labels, and disagree on some rows."""
    x = split.train[MEASUREMENTS]
    with pytest.warns(FutureWarning, match="probability"):
        model = _scaled(SVC(probability=True, random_state=0)).fit(x, split.train["sex"])
    published = publish(model, "m", x, models_dir=tmp_path)
    reply = ask(published.path, x.to_numpy().tolist())
    assert reply.labels == model.predict(x).tolist()
    highest = model.classes_[reply.probabilities.argmax(axis=1)].tolist()
    assert highest != reply.labels
    np.testing.assert_allclose(reply.probabilities, model.predict_proba(x), rtol=0, atol=1e-5)


def test_tells_what_each_column_takes(split: Any, tmp_path: Path) -> None:
    """Kinds, nulls and unknown categories as the original and the file both have them."""
    _, publication, _ = _publish(CASES["mixed-logistic"], split, tmp_path)
    found = {f.name: (f.kind, f.nullable, f.open_categories) for f in publication.contract.features}
    numbers = dict.fromkeys(MEASUREMENTS, ("number", True, False))
    assert found == numbers | {
        "year": ("category", False, False),
        "island": ("category", True, True),
        "sex": ("category", True, False),
        "heavy": ("boolean", False, False),
    }


def test_answers_nulls_where_the_contract_allows_them(split: Any, tmp_path: Path, ask: Any) -> None:
    """A null is imputed in the file as in the original."""
    case = CASES["mixed-logistic"]
    model, publication, held = _publish(case, split, tmp_path)
    nullable = [f.name for f in publication.contract.features if f.nullable]
    assert nullable
    for name in nullable:
        rows = held.copy()
        rows[name] = rows[name].mask(np.ones(len(rows), dtype=bool))
        values = json.loads(rows.to_json(orient="values", double_precision=15))
        assert all(row[case.columns.index(name)] is None for row in values)
        assert ask(publication.path, values).labels == model.predict(rows).tolist()


def test_leaves_out_columns_that_the_pipeline_drops(split: Any, tmp_path: Path, ask: Any) -> None:
    """Callers need not send what no step reads."""
    columns = ColumnTransformer([("lengths", StandardScaler(), LENGTHS)])
    x = split.train[MIXED]
    model = make_pipeline(columns, LogisticRegression()).fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert publication.contract.feature_names == LENGTHS
    reply = ask(publication.path, split.test[LENGTHS].to_numpy().tolist())
    assert reply.labels == model.predict(split.test[MIXED]).tolist()


def test_takes_columns_of_any_name(split: Any, tmp_path: Path, ask: Any) -> None:
    """Blanks, brackets and the names that outputs have."""
    names = ["bill length (mm)", "label", "probabilities", "where?"]
    x = split.train[[*LENGTHS, "island"]].set_axis(names, axis=1)
    columns = ColumnTransformer([("island", OneHotEncoder(), ["where?"])], remainder="passthrough")
    model = make_pipeline(columns, DecisionTreeClassifier(random_state=0))
    model.fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert publication.contract.feature_names == names
    reply = ask(publication.path, json.loads(x.to_json(orient="values", double_precision=15)))
    assert reply.labels == model.predict(x).tolist()


def test_learns_from_rows_with_missing_values(split: Any, tmp_path: Path, ask: Any) -> None:
    """Missing numbers and texts in X are part of the comparison and of the samples."""
    case = CASES["mixed-logistic"]
    x = split.train[MIXED].copy()
    x.loc[x.index[::7], "bill_length_mm"] = np.nan
    x.loc[x.index[::5], "sex"] = np.nan
    model = case.make().fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert any(None in sample.row for sample in publication.contract.samples)
    assert None not in publication.contract.example.values()
    values = json.loads(x.to_json(orient="values", double_precision=15))
    assert ask(publication.path, values).labels == model.predict(x).tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda: DecisionTreeClassifier(random_state=0),
        lambda: RandomForestClassifier(20, random_state=0),
        lambda: ExtraTreesClassifier(20, random_state=0),
        lambda: HistGradientBoostingClassifier(max_iter=10),
        lambda: _scaled(RandomForestClassifier(20, random_state=0)),
    ],
)
def test_sends_missing_values_down_the_branch_that_the_trees_do(
    make: Callable[[], Any], split: Any, tmp_path: Path, ask: Any
) -> None:
    """Trees that were fitted with missing values need no imputer, in the file neither."""
    rng = np.random.default_rng(0)
    x, held = (part[MEASUREMENTS].to_numpy(copy=True) for part in (split.train, split.test))
    for rows in (x, held):
        rows[rng.random(rows.shape) < 0.2] = np.nan
    model = make().fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert all(feature.nullable for feature in publication.contract.features)
    sent = [[None if np.isnan(v) else v for v in row] for row in held.tolist()]
    reply = ask(publication.path, sent)
    assert reply.labels == model.predict(held).tolist()
    np.testing.assert_allclose(reply.probabilities, model.predict_proba(held), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("trees", [20, 50])
def test_gives_a_tie_of_trees_to_the_class_that_scikit_learn_does(
    kind: Any, trees: int, tmp_path: Path, ask: Any
) -> None:
    """Half of the trees' shares add up to more than a half in single precision."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 4))
    y = x[:, 0] + rng.normal(size=1500) > 0
    model = kind(trees, random_state=0).fit(x[:500], y[:500])
    halves = model.predict_proba(x)
    assert (halves[:, 0] == halves[:, 1]).sum() > 5
    publication = publish(model, "m", x[:500], models_dir=tmp_path)
    assert ask(publication.path, x.tolist()).labels == model.predict(x).tolist()
