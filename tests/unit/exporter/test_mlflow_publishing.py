"""Models that MLflow has logged are published with their run, logged by MLflow's own code."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter import publish_mlflow
from exporter.cli import main
from exporter.errors import (
    DataError,
    FewRowsWarning,
    OptionError,
)
from inference.model.contract_codec import METADATA_KEY, decode_contract
from support.conversion.mlflow_store import log_model

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("outside_git")]


def _publish(uri: str, folder: Path, *given: Any, **options: Any) -> Any:
    return publish_mlflow(uri, "penguins", *given, models_dir=folder, progress=False, **options)


@pytest.mark.parametrize(
    ("uri", "version"), [("models:/penguins@champion", 1), ("models:/penguins/2", 2)]
)
def test_publishes_a_registered_model_with_its_run(
    logged: list[str], tmp_path: Path, uri: str, version: int
) -> None:
    """The logged input example is what is compared, and metrics that JSON cannot hold are left."""
    publication = _publish(uri, tmp_path)
    source = publication.contract.training.source.mlflow
    assert (source.uri, source.flavor, source.model) == (uri, "sklearn", "penguins")
    assert (source.version, source.run_id) == (version, logged[version - 1])
    assert source.metrics == {"rows": 333.0} | ({"accuracy": 0.97} if version == 1 else {})
    assert source.inputs["body_mass_g"] == "double"
    assert list(source.outputs.values()) == ["string"]
    assert publication.contract.parity.rows == 67
    assert f"MLflow    penguins version {version}, run {source.run_id} (" in str(publication)
    assert f"run {source.run_id}" in publication._repr_html_()


def test_publishes_the_model_of_a_run(logged: list[str], tmp_path: Path) -> None:
    """It has a run, and neither name nor version."""
    source = _publish(f"runs:/{logged[1]}/model", tmp_path).contract.training.source.mlflow
    assert (source.run_id, source.model, source.version) == (logged[1], None, None)


def test_publishes_the_newest_version(logged: list[str], tmp_path: Path) -> None:
    source = _publish("models:/penguins/latest", tmp_path).contract.training.source.mlflow
    assert (source.model, source.version, source.run_id) == ("penguins", 2, logged[1])


@pytest.mark.usefixtures("logged")
def test_compares_the_rows_that_are_passed(
    tmp_path: Path, penguins: pd.DataFrame, measured: pd.DataFrame
) -> None:
    held_out = measured[1::2], penguins["species"][1::2]
    publication = _publish(
        "models:/penguins@champion",
        tmp_path,
        measured[::2],
        penguins["species"][::2],
        evaluate=held_out,
        description="Species",
    )
    assert publication.contract.parity.rows == len(measured)
    assert publication.contract.training.description == "Species"
    assert publication.metrics.rows == len(held_out[1])


@pytest.mark.usefixtures("logged")
def test_says_so_when_nothing_has_changed(tmp_path: Path) -> None:
    """Another version of MLflow's is another source, and so another version here."""
    first = _publish("models:/penguins@champion", tmp_path)
    assert _publish("models:/penguins@champion", tmp_path).unchanged
    other = _publish("models:/penguins/2", tmp_path)
    assert (first.version, other.version, other.unchanged) == (1, 2, False)


def test_says_how_few_rows_were_compared(
    mlflow: Any, logistic: Any, measured: pd.DataFrame, tmp_path: Path
) -> None:
    uri = log_model(mlflow, logistic, input_example=measured[:3])
    with pytest.warns(FewRowsWarning, match=r"compared on 3 rows.*pass X=") as caught:
        publication = _publish(uri, tmp_path)
    assert caught[0].filename == __file__
    assert publication.contract.parity.rows == 3


def test_names_the_columns_of_an_array_as_the_signature_does(
    mlflow: Any, penguins: pd.DataFrame, measured: pd.DataFrame, tmp_path: Path
) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(measured.to_numpy(), penguins["species"])
    uri = log_model(mlflow, model, signature=mlflow.models.infer_signature(measured))
    publication = _publish(uri, tmp_path, measured.to_numpy())
    assert publication.contract.feature_names == list(measured.columns)


def test_publishes_an_example_that_is_an_array(mlflow: Any, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    uri = log_model(mlflow, LogisticRegression().fit(rows, rows[:, 0] > 0), input_example=rows)
    contract = _publish(uri, tmp_path).contract
    assert contract.feature_names == ["x0", "x1", "x2"]
    assert contract.training.source.mlflow.inputs == {"0": "float64 (-1, 3)"}


@pytest.mark.parametrize("flavor", ["xgboost", "lightgbm", "catboost"])
def test_publishes_boosters(
    mlflow: Any, flavor: str, measured: pd.DataFrame, tmp_path: Path
) -> None:
    """By the flavor of their own library."""
    library = importlib.import_module(flavor)
    kind = {"xgboost": "XGBRegressor", "lightgbm": "LGBMRegressor", "catboost": "CatBoostRegressor"}
    options: dict[str, Any] = {
        "lightgbm": {"verbose": -1},
        "catboost": {"verbose": False, "allow_writing_files": False},
    }
    model = getattr(library, kind[flavor])(n_estimators=5, **options.get(flavor, {}))
    rows = measured.drop(columns="body_mass_g")
    model.fit(rows, measured["body_mass_g"])
    uri = log_model(mlflow, model, flavor, input_example=rows[:80])
    training = _publish(uri, tmp_path).contract.training
    assert training.source.mlflow.flavor == flavor
    assert library.__version__ in training.versions.values()


def test_asks_for_rows_if_none_were_logged(mlflow: Any, logistic: Any, tmp_path: Path) -> None:
    uri = log_model(mlflow, logistic)
    with pytest.raises(DataError, match="logged without an input example: pass X="):
        _publish(uri, tmp_path)
    with pytest.raises(OptionError, match="pass X, too"):
        _publish(uri, tmp_path, None, [1])


def test_asks_for_rows_if_the_example_is_no_table(
    mlflow: Any, logistic: Any, measured: pd.DataFrame, tmp_path: Path
) -> None:
    example = measured[:2].to_dict("list")
    uri = log_model(mlflow, logistic, signature=mlflow.models.infer_signature(example))
    path = mlflow.artifacts.download_artifacts(uri)
    saved = mlflow.models.Model.load(path)
    importlib.import_module("mlflow.models.utils")._Example(example).save(path)
    saved.saved_input_example_info = {
        "artifact_path": "input_example.json", "type": "json_object",
    }  # fmt: skip
    saved.save(f"{path}/MLmodel")
    with pytest.raises(DataError, match="is a dict: pass X="):
        _publish(uri, tmp_path)


@pytest.mark.usefixtures("logged")
def test_publishes_from_a_shell(
    tmp_path: Path, measured: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the logged example, or with rows in a file."""
    models = tmp_path / "models"
    models.mkdir()
    call = ["publish", "models:/penguins@champion", "--name", "p", "--models-dir", str(models)]
    assert main([*call, "--quiet"]) == 0
    assert "p version 1 (classification) is published" in capsys.readouterr().out
    measured.to_csv(tmp_path / "rows.csv", index=False)
    assert main([*call, "--quiet", "--sample", str(tmp_path / "rows.csv")]) == 0
    assert "on 333 rows" in capsys.readouterr().out
    assert main([*call, "--target", "species"]) == 2
    assert "--target requires --sample" in capsys.readouterr().err
    assert main(["publish", "models:/walruses/1", "--name", "p"]) == 2
    assert "MLflow has no models:/walruses/1" in capsys.readouterr().err
    assert main(["publish", "model.joblib", "--name", "p"]) == 2
    assert "--sample is required" in capsys.readouterr().err
    (file,) = models.glob("p/1/model.onnx")
    onnx = importlib.import_module("onnx")
    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    source = decode_contract(metadata[METADATA_KEY]).training.source
    assert source is not None
    assert source.mlflow is not None
    assert source.mlflow.version == 1
