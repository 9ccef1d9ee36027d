"""The command publishes models with several targets, and models without any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import joblib
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from exporter.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pytest


def _publish(folder: Path, frame: pd.DataFrame, model: Any, *arguments: str) -> int:
    joblib.dump(model, folder / "model.joblib")
    frame[::2].to_csv(folder / "data.csv", index=False)
    frame[1::2].to_csv(folder / "held.csv", index=False)
    paths = (str(folder / "model.joblib"), "--sample", str(folder / "data.csv"))
    place = ("--name", "m", "--models-dir", str(folder / "models"), "--json", "--quiet")
    (folder / "models").mkdir()
    return main(["publish", *paths, *place, *arguments])


def test_target_can_be_repeated(
    penguins: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = penguins[["sex", "island"]]
    model = MultiOutputClassifier(LogisticRegression()).fit(penguins[["body_mass_g"]], labels)
    held = ("--evaluate", str(tmp_path / "held.csv"))
    targets = ("--target", "sex", "--target", "island")
    assert _publish(tmp_path, penguins, model, *targets, *held) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert metrics["rows"] == len(penguins) // 2
    assert len(metrics["labels"]) == 2


def test_clusterers_are_evaluated_without_target(
    penguins: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = KMeans(3, random_state=0).fit(penguins[["bill_length_mm", "body_mass_g"]])
    assert _publish(tmp_path, penguins, model, "--evaluate", str(tmp_path / "held.csv")) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["silhouette"] > 0
