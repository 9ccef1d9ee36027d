"""A service with two versions of one model and a regression, and the client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from exporter import Rookery, publish
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@pytest.fixture(scope="module")
def models(split: Any) -> dict[str, Any]:
    rows, species = split.train[MEASUREMENTS], split.train["species"]
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, species),
        "stump": DecisionTreeClassifier(max_depth=1).fit(rows, species),
        "mass": LinearRegression().fit(rows[MEASUREMENTS[:3]], split.train["body_mass_g"]),
    }


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, models: dict[str, Any], split: Any
) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service")) as service:
        service.start()
        rows, truth = split.train[MEASUREMENTS], split.train["species"]
        held_out = (split.test[MEASUREMENTS], split.test["species"])
        for name in ("logistic", "stump"):
            put(service, models[name], "penguins", rows, truth, evaluate=held_out)
        put(service, models["mass"], "mass", rows[MEASUREMENTS[:3]])
        yield service
        service.stop()


def put(service: Service, model: Any, *args: Any, **options: Any) -> None:
    url = str(service.client.base_url)
    publish(model, *args, models_dir=service.models, url=url, progress=False, **options).wait(60)


@pytest.fixture
def rookery(service: Service) -> Rookery:
    return Rookery(str(service.client.base_url))


@pytest.fixture
def put_model() -> Callable[..., None]:
    """Publish a model to a service, and wait until it is live."""
    return put
