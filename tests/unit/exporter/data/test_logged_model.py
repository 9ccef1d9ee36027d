"""Models that MLflow does not have, or that cannot be loaded, are refused by name."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import sklearn

from exporter.data.logged_model import load_logged_model
from exporter.errors import (
    ExporterError,
    ModelError,
    OptionError,
    OtherVersionWarning,
    TrackingError,
)
from support.conversion.mlflow_store import REQUIREMENTS, log_model

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize(
    ("uri", "error", "message"),
    [
        ("models:/penguins@challenger", ModelError, "no alias 'challenger'; it has champion"),
        ("models:/penguins/7", ModelError, "MLflow has no models:/penguins/7"),
        ("models:/walruses/1", ModelError, "MLflow has no models:/walruses/1: .*not found"),
        ("models:/walruses@champion", ModelError, "MLflow has no models:/walruses@champion"),
        ("runs:/0123456789abcdef/model", ModelError, "MLflow has no runs:/0123456789abcdef/model"),
        ("models:/", ExporterError, "models:/"),
        ("penguins", OptionError, "pass models:/NAME@ALIAS, models:/NAME/VERSION or runs:/"),
        (None, OptionError, "None is not the URI"),
    ],
)
def test_says_what_mlflow_does_not_have(uri: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_logged_model(uri)


def test_refuses_other_flavors_by_name(mlflow: Any) -> None:
    class Other(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[str]) -> list[str]:
            return model_input

    with mlflow.start_run(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = mlflow.pyfunc.log_model(
            name="m", python_model=Other(), pip_requirements=REQUIREMENTS
        )
    with pytest.raises(ModelError, match=r"the flavor python_function, which .*mlflow.sklearn"):
        load_logged_model(info.model_uri)


def _logged_with(
    mlflow: Any, logistic: Any, measured: pd.DataFrame, version: str
) -> tuple[str, Any]:
    uri = log_model(
        mlflow, logistic, input_example=measured[:60], serialization_format="cloudpickle"
    )
    path = mlflow.artifacts.download_artifacts(uri)
    saved = mlflow.models.Model.load(path)
    saved.flavors["sklearn"]["sklearn_version"] = version
    saved.save(f"{path}/MLmodel")
    return uri, path


def test_warns_of_another_version_of_scikit_learn(
    mlflow: Any, logistic: Any, measured: pd.DataFrame
) -> None:
    uri, _ = _logged_with(mlflow, logistic, measured, "1.2.0")
    with pytest.warns(OtherVersionWarning, match=r"logged with scikit-learn 1\.2\.0"):
        load_logged_model(uri)


def test_names_both_versions_if_the_model_cannot_be_loaded(
    mlflow: Any, logistic: Any, measured: pd.DataFrame, tmp_path: Path
) -> None:
    uri, path = _logged_with(mlflow, logistic, measured, "0.9.1")
    file = tmp_path.joinpath(path, "model.pkl")
    known = b"sklearn.linear_model._logistic"
    file.write_bytes(file.read_bytes().replace(known, known[:-1] + b"x"))
    here = sklearn.__version__
    with pytest.raises(ModelError, match=rf"0\.9\.1, which sklearn|scikit-learn {here} cannot"):
        load_logged_model(uri)


def test_names_the_extra_that_is_not_installed(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"runs:/{logged[0]}/model"
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ModelError, match=r"needs skops.*notebooks\[mlflow\]"):
        load_logged_model(uri)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(OptionError, match=r"needs mlflow.*notebooks\[mlflow\]"):
        load_logged_model(uri)


def test_says_that_no_tracking_server_answers(mlflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and without the password that the address may hold."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    assert mlflow.get_tracking_uri().endswith(":9")
    with pytest.raises(TrackingError, match=r"answers at http://127\.0\.0\.1:9 \(Connection"):
        load_logged_model("models:/penguins/1")


@pytest.mark.usefixtures("mlflow")
def test_says_that_no_tracking_server_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match="set MLFLOW_TRACKING_URI, or call"):
        load_logged_model("models:/penguins/1")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("mlflow")
def test_says_what_a_database_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mlflow-skinny brings no SQLAlchemy."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(TrackingError, match="a database needs the package mlflow"):
        load_logged_model("models:/penguins/1")
