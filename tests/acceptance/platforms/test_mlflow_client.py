"""MLflow's own client gets its answers, and the same errors as from MLflow's server."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from support.models.artifacts import MEASUREMENTS

if TYPE_CHECKING:
    from support.service.process import Service

ROWS = [[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]]


@pytest.fixture
def client(served: Service) -> Any:
    served.client.post("/select-model/?model=penguins").raise_for_status()
    with warnings.catch_warnings():  # of MLflow, about its own types
        warnings.simplefilter("ignore")
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient  # noqa: PLC0415
    url = served.client.base_url
    return ScoringServerClient(url.host, url.port)


def labels(served: Service) -> list[str]:
    answer = served.client.post("/models/penguins/predict", json=ROWS).json()
    return [each["label"] for each in answer["predictions"]]


def test_waits_and_asks_for_the_version(client: Any) -> None:
    client.wait_server_ready(timeout=5)
    client.ping()
    assert client.get_version().count(".") == 2


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame(ROWS, columns=list(MEASUREMENTS)),
        pd.DataFrame(ROWS, columns=list(MEASUREMENTS))[list(reversed(MEASUREMENTS))],
        pd.DataFrame(ROWS),
        np.array(ROWS),
        [dict(zip(MEASUREMENTS, row, strict=True)) for row in ROWS],
    ],
    ids=["frame", "other order", "no names", "array", "records"],
)
def test_is_answered_as_predict_is(client: Any, served: Service, data: Any) -> None:
    answer = client.invoke(data)
    assert answer.get_predictions()[0].tolist() == labels(served)
    assert answer.get_predictions("ndarray").tolist() == labels(served)


def test_passes_the_method_in_params(client: Any, served: Service) -> None:
    answer = client.invoke(np.array(ROWS), params={"predict_fn": "predict_proba"})
    own = served.client.post("/models/penguins/predict", json=ROWS).json()["predictions"]
    wanted = [list(each["probabilities"].values()) for each in own]
    assert answer.get_predictions("ndarray").tolist() == wanted
    assert answer.get_predictions().shape == (2, 3)


def test_missing_values_that_the_client_writes_as_nan_are_named(client: Any) -> None:
    with pytest.raises(Exception, match=r"INVALID_PARAMETER_VALUE.*null is not allowed"):
        client.invoke(pd.DataFrame([[np.nan, *ROWS[0][1:]]], columns=list(MEASUREMENTS)))


def test_errors_name_code_and_message(client: Any) -> None:
    with pytest.raises(Exception, match=r'error code 400.*"error_code":"BAD_REQUEST".*iland'):
        client.invoke(pd.DataFrame({"iland": ["a"]}))
