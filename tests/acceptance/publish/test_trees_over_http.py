"""Trees answer over HTTP as scikit-learn does between the rows they were fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from exporter import publish
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

IRIS, SPECIES = load_iris(return_X_y=True)
BEHIND_A_SCALER = {
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(10, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=10),
    "histograms": HistGradientBoostingClassifier(max_iter=10),
    "adaboost": AdaBoostClassifier(n_estimators=10, random_state=0),
    "bagging": BaggingClassifier(n_estimators=5, max_features=2, random_state=0),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("trees")) as service:
        yield service.start()


def serve(service: Service, name: str, model: Any, rows: Any) -> None:
    url = str(service.client.base_url)
    publish(model, name, rows, models_dir=service.models, url=url, progress=False).wait(60)


def labels(service: Service, name: str, rows: Any) -> list[Any]:
    answer = service.client.post(f"/models/{name}/predict", json=rows.tolist())
    assert answer.status_code == 200, answer.text
    return [each["label"] for each in answer.json()["predictions"]]


def test_a_first_golden_sample_with_a_gap_is_no_end(service: Service) -> None:
    """Every request was answered 500 once."""
    rows = np.random.default_rng(0).random((200, 3))
    rows[0, 1] = np.nan
    model = HistGradientBoostingClassifier(max_iter=5).fit(rows, rows[:, 0] > 0.5)
    serve(service, "gap", model, rows)
    record = {"x0": 0.7, "x1": 0.1, "x2": 0.3}
    assert service.client.post("/models/gap/predict", json=record).json()["label"] is True
    assert service.client.post("/models/gap/predict", json=record | {"x1": None}).status_code == 200


def test_the_rows_between_even_numbers_have_the_originals_labels(service: Service) -> None:
    rows = np.arange(0, 200, 2).reshape(-1, 1) / 10
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier())
    serve(service, "between", model.fit(rows, np.arange(100) % 2), rows)
    asked = rows[:-1] + 0.1
    assert labels(service, "between", asked) == model.predict(asked).tolist()


@pytest.mark.parametrize("name", BEHIND_A_SCALER)
def test_trees_behind_a_scaler_answer_middles_like_the_original(
    service: Service, name: str
) -> None:
    """Three hundred rows at middles between values, where trees split."""
    rng = np.random.default_rng(1)
    rows = IRIS[rng.integers(len(IRIS), size=300)].copy()
    for column in range(4):
        values = np.unique(IRIS[:, column])
        moved = rng.random(300) < 0.5
        rows[moved, column] = rng.choice((values[:-1] + values[1:]) / 2, moved.sum())
    with threadpool_limits(1):
        model = make_pipeline(StandardScaler(), BEHIND_A_SCALER[name]).fit(IRIS, SPECIES)
        serve(service, name, model, IRIS)
        assert labels(service, name, rows) == model.predict(rows).tolist()
