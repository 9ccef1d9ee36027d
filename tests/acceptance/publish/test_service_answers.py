"""The service answers over HTTP as scikit-learn does, on every row that was held out."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from exporter import publish
from support.project import ROOT
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

pytestmark = pytest.mark.long

PENGUINS = ROOT / "notebooks" / "penguins.py"
MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def five_classifiers() -> dict[str, Any]:
    """Give the classifiers that the notebook and ``make serve`` publish."""
    spec = importlib.util.spec_from_file_location("penguins_script", PENGUINS)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return {name: estimator for name, (_, estimator) in script.make_classifiers().items()}


def linear() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def mixed() -> Any:
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), MEASUREMENTS),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["island", "sex"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


@dataclass(frozen=True)
class Asked:
    """A model that the service serves, beside the original."""

    name: str
    original: Any
    held_out: pd.DataFrame
    tolerance: float


# name: (columns, target, estimator); the five are added from the script itself
OTHERS = {
    "mixed-columns": ([*MEASUREMENTS, "island", "sex"], "species", mixed),
    "integer-labels": (MEASUREMENTS, "code", linear),
    "boolean-labels": (MEASUREMENTS, "female", linear),
    "binary": (MEASUREMENTS, "sex", linear),
    "regressor": (MEASUREMENTS[:3], "body_mass_g", lambda: RandomForestRegressor(30)),
}
FIVE = tuple(five_classifiers())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("answers")) as service:
        yield service.start()


@pytest.fixture(scope="module", params=[*FIVE, *OTHERS])
def asked(request: pytest.FixtureRequest, service: Service, split: Any) -> Asked:
    """Fit a model, publish it, and wait until the service serves it."""
    name = request.param
    if name in OTHERS:
        columns, target, make = OTHERS[name]
        estimator = make()
    else:
        columns, target, estimator = MEASUREMENTS, "species", five_classifiers()[name]
    estimator.fit(split.train[columns], split.train[target])
    publication = publish(
        estimator,
        name,
        split.train[columns],
        split.train[target],
        models_dir=service.models,
        url=str(service.client.base_url),
        progress=False,
    ).wait(60)
    return Asked(name, estimator, split.test[columns], publication.contract.parity.tolerance)


def test_answers_every_held_out_row_as_the_original_does(asked: Asked, service: Service) -> None:
    """As one list of records, and each row alone: as a record, and as values in feature order."""
    records = json.loads(asked.held_out.to_json(orient="records", double_precision=15))
    route = f"/models/{asked.name}/predict"
    together = service.client.post(route, json=records).json()["predictions"]
    assert len(together) == len(records)
    compare(asked, together)
    compare(asked, [service.client.post(route, json=record).json() for record in records])
    rows = [list(record.values()) for record in records]
    compare(asked, [service.client.post(route, json=row).json() for row in rows])


def compare(asked: Asked, answers: list[dict[str, Any]]) -> None:
    expected = asked.original.predict(asked.held_out).tolist()
    if asked.name == "regressor":
        values = [answer["value"] for answer in answers]
        np.testing.assert_allclose(values, expected, rtol=0, atol=asked.tolerance)
        return
    labels = [answer["label"] for answer in answers]
    assert labels == expected
    assert {type(label) for label in labels} == {type(label) for label in expected}
    classes = [c if isinstance(c, str) else json.dumps(c) for c in asked.original.classes_.tolist()]
    given = [[answer["probabilities"][c] for c in classes] for answer in answers]
    wanted = asked.original.predict_proba(asked.held_out)
    np.testing.assert_allclose(given, wanted, rtol=0, atol=asked.tolerance)
