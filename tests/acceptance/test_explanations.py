"""Explanations of published models, against shap's explainers on the original models."""

from __future__ import annotations

import asyncio
import json
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from exporter import publish
from inference.explain.explainers import Explainers
from inference.model.servable import Servable
from inference.serving.dispatcher import Dispatcher
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.explanation_counts import ExplanationCounts
from inference.telemetry.timing import Timing

if TYPE_CHECKING:
    from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    shap = pytest.importorskip("shap", reason="no wheels of shap for this Python")

IRIS, SPECIES = load_iris(return_X_y=True)
WINE, CULTIVAR = load_wine(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
DIABETES = np.round(DIABETES[:, :6] * 100, 2)
MANY, MALIGNANT = load_breast_cancer(return_X_y=True)
RNG = np.random.default_rng(0)


def mixed() -> tuple[pd.DataFrame, Any]:
    """Return rows with a number, a number with gaps, an integer, a boolean and two categories."""
    frame = pd.DataFrame(
        {
            "size": RNG.normal(10, 3, 300).round(2),
            "gaps": np.where(RNG.random(300) < 0.2, np.nan, RNG.normal(size=300).round(2)),
            "count": RNG.integers(0, 9, 300),
            "is_new": RNG.random(300) < 0.5,
            "color": RNG.choice(["red", "green", "blue"], 300, p=[0.6, 0.3, 0.1]),
            "shape": RNG.choice(["round", "square"], 300),
        }
    )
    score = frame["size"] + 3 * (frame["color"] == "red") - frame["count"] * frame["is_new"]
    return frame, np.where(score > score.median(), "high", "low")


def encoder(numbers: list[str], texts: list[str]) -> Any:
    return make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts), ("passthrough", numbers)
    )


NUMBERS, TEXTS = ["size", "gaps", "count", "is_new"], ["color", "shape"]
MIXED, LEVELS = mixed()
TWO = np.column_stack((PROGRESS, np.sin(PROGRESS / 50) * DIABETES[:, 0]))

MODELS: dict[str, tuple[Any, Any, Any]] = {
    "forest": (RandomForestClassifier(30, random_state=0), IRIS, SPECIES),
    "forest regressor": (RandomForestRegressor(30, random_state=0), DIABETES, PROGRESS),
    "boosting": (GradientBoostingClassifier(random_state=0), IRIS, SPECIES),
    "boosting regressor": (GradientBoostingRegressor(random_state=0), DIABETES, PROGRESS),
    "logistic pipeline": (
        make_pipeline(StandardScaler(), LogisticRegression()), WINE[:, :8], CULTIVAR,
    ),
    "neighbors": (
        make_pipeline(StandardScaler(), KNeighborsClassifier(5)), WINE[:, :6], CULTIVAR,
    ),
    "mixed columns": (
        make_pipeline(
            encoder(NUMBERS, TEXTS), HistGradientBoostingClassifier(max_iter=30, random_state=0)
        ),
        MIXED, LEVELS,
    ),
    "linear": (LinearRegression(), DIABETES, PROGRESS),
    "network": (
        make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), max_iter=200, random_state=0)
        ),
        DIABETES, PROGRESS,
    ),
    "several targets": (
        MultiOutputRegressor(GradientBoostingRegressor(random_state=0)), DIABETES, TWO,
    ),
    "scores": (SVC(), IRIS, SPECIES),
    "labels only": (RidgeClassifier(), IRIS, SPECIES),
}  # fmt: skip


@lru_cache
def fitted(name: str) -> Any:
    model, x, y = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


class Published:
    """A published model, its servable and what explains it."""

    def __init__(self, model: Any, x: Any, folder: Path, name: str) -> None:
        self.original = model
        made = publish(model, name.replace(" ", "-"), x, models_dir=folder, progress=False)
        self.servable = Servable.load("m", 1, made.path.read_bytes())
        contract = self.servable.contract
        assert contract is not None
        self.contract = contract
        self.columns = x.columns if hasattr(x, "columns") else None
        settings = Settings()
        dispatcher = Dispatcher(settings, Counters("waiting", 1))
        self.counts = Counters("answers", 1)
        self._explainers = Explainers(settings, dispatcher, ExplanationCounts(self.counts))

    def explain(self, rows: Any, **query: str) -> Any:
        body = json.dumps(rows).encode()
        answer = self._explainers.answer(self.servable, body, query, Timing())
        return json.loads(asyncio.run(answer))

    def encode(self, rows: Any) -> Any:
        """Return rows as numbers, which shap takes only: texts by their place in the categories."""
        features = self.contract.features
        return np.array(
            [
                [
                    f.categories.index(v) if f.categories else np.nan if v is None else float(v)
                    for f, v in zip(features, row, strict=True)
                ]
                for row in rows
            ]
        )

    def numbers(self, codes: Any) -> Any:
        """Return what is explained, of the original model."""
        rows = np.asarray(codes)
        if self.columns is not None:
            frame = pd.DataFrame(rows, columns=self.columns)
            for feature in self.contract.features:
                if feature.categories:
                    values = np.array(feature.categories, dtype=object)
                    frame[feature.name] = values[frame[feature.name].astype(int)]
            rows = frame.astype(dict(zip(MIXED.columns, MIXED.dtypes, strict=True)))
        model = self.original
        if self.contract.task == "regression":
            answers = model.predict(rows)
        elif hasattr(model, "predict_proba"):
            answers = model.predict_proba(rows)
        elif hasattr(model, "decision_function") and self.contract.outputs.probabilities:
            answers = model.decision_function(rows)
        else:
            answers = (model.predict(rows)[:, None] == model.classes_).astype(float)
        return answers[:, None] if answers.ndim == 1 else answers


@pytest.fixture(scope="module", params=MODELS)
def published(request: pytest.FixtureRequest, folder: Path) -> Published:
    _, x, _ = MODELS[request.param]
    return Published(fitted(request.param), x, folder, request.param)


def as_array(numbers: Any) -> Any:
    """Return numbers by class, or one number, as an array."""
    return np.array(list(numbers.values()) if isinstance(numbers, dict) else [numbers])


def tables(explanation: Any, key: str = "contributions") -> Any:
    return np.array([as_array(numbers) for numbers in explanation[key].values()])


def asked_rows(published: Published, count: int = 3) -> list[Any]:
    """Return rows of which some have values in common with the background."""
    background = published.contract.background or []
    rows = [sample.row for sample in published.contract.samples[:count]]
    crossed = [a if i % 2 else b for i, (a, b) in enumerate(zip(*background[:2], strict=True))]
    return [*rows, background[0], crossed]


def answered(prediction: Any) -> Any:
    output = prediction["explanation"]["output"]
    if output == "label":
        classes = prediction["explanation"]["base"]
        return np.array([float(str(prediction["label"]) == key) for key in classes])
    return as_array(prediction[output])


def test_base_and_contributions_add_up_to_the_answer(published: Published) -> None:
    predictions = published.explain(asked_rows(published))["predictions"]
    for prediction in predictions:
        explanation = prediction["explanation"]
        assert explanation["method"] == "exact"
        total = as_array(explanation["base"]) + tables(explanation).sum(axis=0)
        np.testing.assert_allclose(total, answered(prediction), rtol=1e-9, atol=1e-6)


@pytest.mark.long
def test_contributions_are_those_of_the_exact_explainer(published: Published) -> None:
    rows = asked_rows(published)
    predictions = published.explain(rows)["predictions"]
    background = published.encode(published.contract.background)
    masker = shap.maskers.Independent(background, max_samples=len(background))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = shap.explainers.ExactExplainer(published.numbers, masker)
        expected = oracle(published.encode(rows)).values  # noqa: PD011 - no pandas here
    values = expected.reshape(len(rows), len(published.contract.features), -1)
    scale = max(1.0, float(np.abs(published.numbers(background)).max()))
    for prediction, wanted in zip(predictions, values, strict=True):
        np.testing.assert_allclose(tables(prediction["explanation"]), wanted, atol=1e-5 * scale)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "model", "x", "y"),
    [
        ("additive", LinearRegression(), MANY, MANY[:, 0] + MANY[:, 9]),
        (
            "pairs",
            GradientBoostingRegressor(n_estimators=40, max_depth=2, random_state=0),
            DIABETES,
            PROGRESS,
        ),
        (
            "stumps",
            GradientBoostingRegressor(n_estimators=60, max_depth=1, random_state=0),
            MANY,
            MANY[:, 0] + MANY[:, 9],
        ),
    ],
)
def test_contributions_are_those_of_the_permutation_explainer(
    name: str, model: Any, x: Any, y: Any, folder: Path
) -> None:
    """Antithetic permutations are exact where at most two features interact."""
    published = Published(model.fit(x, y), x, folder, f"permuted-{name}")
    rows = [sample.row for sample in published.contract.samples[:2]]
    predictions = published.explain(rows)["predictions"]
    background = published.encode(published.contract.background)
    masker = shap.maskers.Independent(background, max_samples=len(background))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = shap.explainers.PermutationExplainer(lambda r: published.numbers(r)[:, 0], masker)
        expected = oracle(published.encode(rows), silent=True).values  # noqa: PD011 - no pandas
    scale = float(np.abs(published.numbers(background)).max())
    method = "exact" if name == "pairs" else "sampled"
    for prediction, wanted in zip(predictions, expected, strict=True):
        explanation = prediction["explanation"]
        assert explanation["method"] == method
        total = explanation["base"] + tables(explanation).sum()
        assert total == pytest.approx(prediction["value"], abs=1e-6)
        np.testing.assert_allclose(tables(explanation)[:, 0], wanted, atol=1e-5 * scale)
