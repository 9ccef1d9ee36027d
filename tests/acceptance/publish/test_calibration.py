"""publish(calibrate=...): intervals and label sets, against mapie and on held-out rows."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier

from exporter import publish
from exporter.errors import DataError, OptionError, TargetError
from inference.model.servable import Servable
from inference.serving.predictions import AnswerBuilder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mapie.classification import SplitConformalClassifier
    from mapie.regression import SplitConformalRegressor

CLASSES = make_classification(
    6000, 6, n_informative=4, n_classes=3, class_sep=0.7, flip_y=0.1, random_state=0
)
VALUES = make_regression(6000, 5, n_informative=5, noise=30.0, random_state=0)
PARTS = np.split(np.arange(6000), [1500, 3000])


def split(data: Any) -> list[tuple[Any, Any]]:
    """Return rows to fit, to calibrate and to test with."""
    x, y = data
    return [(x[part], y[part]) for part in PARTS]


def answers(model: Any, fitted: Any, calibrate: Any, folder: Path, **more: Any) -> Any:
    """Publish, and return what answers rows."""
    made = publish(
        model, "m", fitted[0], calibrate=calibrate, models_dir=folder, progress=False, **more
    )
    servable = Servable.load("m", 1, made.path.read_bytes())
    builder = AnswerBuilder(servable)

    def predict(rows: Any) -> list[dict[str, Any]]:
        feeds = servable.to_feeds(rows.tolist())
        return builder.predictions(servable.run(builder.outputs, feeds), len(rows))

    return predict


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(
    "model", [LogisticRegression(), RandomForestClassifier(60, max_depth=6, random_state=0)]
)
def test_label_sets_are_mapies_and_cover_what_is_stated(
    model: Any, coverage: float, tmp_path: Path
) -> None:
    fitted, calibrate, held_out = split(CLASSES)
    model.fit(*fitted)
    predicted = answers(model, fitted, calibrate, tmp_path, coverage=coverage)(held_out[0])
    oracle = SplitConformalClassifier(
        model, confidence_level=coverage, conformity_score="lac", prefit=True
    ).conformalize(*calibrate)
    _, sets = oracle.predict_set(held_out[0])
    own = np.array([[c in p["label_set"] for c in model.classes_] for p in predicted])
    # A probability beside the threshold may be rounded to the other side.
    assert (own == sets[:, :, 0]).mean() > 0.999
    covered = np.mean([y in p["label_set"] for p, y in zip(predicted, held_out[1], strict=True)])
    assert covered == pytest.approx(coverage, abs=0.02)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(
    "model", [LinearRegression(), RandomForestRegressor(40, max_depth=8, random_state=0)]
)
def test_intervals_are_mapies_and_cover_what_is_stated(
    model: Any, coverage: float, tmp_path: Path
) -> None:
    fitted, calibrate, held_out = split(VALUES)
    model.fit(*fitted)
    predicted = answers(model, fitted, calibrate, tmp_path, coverage=coverage)(held_out[0])
    oracle = SplitConformalRegressor(
        model, confidence_level=coverage, conformity_score="absolute", prefit=True
    ).conformalize(*calibrate)
    _, intervals = oracle.predict_interval(held_out[0])
    own = np.array([p["interval"] for p in predicted])
    np.testing.assert_allclose(own, intervals[:, :, 0], atol=1e-2)
    inside = (own[:, 0] <= held_out[1]) & (held_out[1] <= own[:, 1])
    assert inside.mean() == pytest.approx(coverage, abs=0.02)


def test_each_target_has_its_interval(tmp_path: Path) -> None:
    x, y = VALUES
    targets = np.column_stack((y, np.random.default_rng(0).normal(size=len(y))))
    fitted, calibrate, held_out = split((x, targets))
    model = LinearRegression().fit(*fitted)
    predicted = answers(model, fitted, calibrate, tmp_path, target_names=["a", "b"])(held_out[0])
    for i, name in enumerate(("a", "b")):
        own = np.array([p["intervals"][name] for p in predicted])
        values = np.array([p["values"][name] for p in predicted])
        np.testing.assert_allclose(own.mean(axis=1), values, rtol=1e-5, atol=1e-3)
        inside = (own[:, 0] <= held_out[1][:, i]) & (held_out[1][:, i] <= own[:, 1])
        assert inside.mean() == pytest.approx(0.9, abs=0.02)


X, Y = CLASSES[0][:200], CLASSES[1][:200]
NEW = CLASSES[0][200:], CLASSES[1][200:]


@pytest.mark.parametrize(
    ("calibrate", "coverage", "error", "reason"),
    [
        ((NEW[0][:9], NEW[1][:9]), 0.9, None, ""),
        ((X[:8], Y[:8]), 0.9, OptionError, "has 8 rows, a coverage of 0.9 needs at least 9"),
        ((NEW[0][:99], NEW[1][:99]), 0.99, None, ""),
        ((X[:98], Y[:98]), 0.99, OptionError, "needs at least 99"),
        ((X, Y), 0, OptionError, "between 0 and 1, not 0"),
        ((X, Y), 1.0, OptionError, "between 0 and 1"),
        ((X, Y), "90%", OptionError, "between 0 and 1"),
        ((X, Y), True, OptionError, "between 0 and 1"),
        ((X, Y), float("nan"), OptionError, "between 0 and 1"),
        (X, 0.9, TargetError, "must be a pair"),
        ((X, Y[:-1]), 0.9, TargetError, "calibrate's y has 199 values for 200 rows"),
        ((X, Y + 7), 0.9, TargetError, "calibrate's y has the label"),
        ((X[:, :3], Y), 0.9, DataError, "calibrate's X"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    calibrate: Any, coverage: Any, error: Any, reason: str, tmp_path: Path
) -> None:
    model = LogisticRegression().fit(X, Y)
    if error is None:
        answers(model, (X, Y), calibrate, tmp_path, coverage=coverage)
        return
    with pytest.raises(error, match=reason):
        answers(model, (X, Y), calibrate, tmp_path, coverage=coverage)
    assert not list(tmp_path.glob("m/*"))


def test_classifiers_of_labels_only_are_refused(tmp_path: Path) -> None:
    binary = Y.clip(0, 1)
    model = RidgeClassifier().fit(X, binary)
    with pytest.raises(OptionError, match="needs a classifier with probabilities"):
        answers(model, (X, binary), (X, binary), tmp_path)
