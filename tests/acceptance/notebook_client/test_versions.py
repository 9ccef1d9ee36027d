"""Versions of models in the notebook's client: tables, pins, comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, r2_score

from exporter.errors import DataError, ServiceError

if TYPE_CHECKING:
    from exporter import Rookery

pytestmark = pytest.mark.long

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def test_lists_models_and_versions(rookery: Rookery) -> None:
    assert {"mass", "penguins"} <= set(rookery)
    assert len(rookery) == len(list(rookery))
    assert "mass" in rookery
    table = rookery.models()
    assert table.loc["penguins", "active"] == 2
    assert table.loc["penguins", "score"].startswith("accuracy ")
    versions = rookery["penguins"].versions()
    assert versions.index.tolist() == [2, 1]
    assert versions["active"].tolist() == [True, False]
    assert versions.loc[1, "accuracy"] > versions.loc[2, "accuracy"]


def test_pins_selects_unloads(rookery: Rookery) -> None:
    model = rookery["penguins"]
    try:
        assert model.pin(1).versions()["active"].tolist() == [False, True]
        assert model.versions()["pinned"].tolist() == [False, True]
        model.select()
        assert rookery.selected == "penguins"
        assert "selected" in model._repr_html_()
        model.unload()
        assert rookery.models().loc["penguins", "state"] == "unloaded"
        with pytest.raises(ServiceError, match="unloaded") as refused:
            model.predict([[1, 2, 3, 4]])
        assert refused.value.status_code == 409
    finally:
        model.load()
        model.unpin()
    assert model.versions()["active"].tolist() == [True, False]


def test_compares_versions_as_scikit_learn_scores_them(
    rookery: Rookery, models: dict[str, Any], split: Any
) -> None:
    rows, truth = split.test[MEASUREMENTS], split.test["species"]
    compared = rookery["penguins"].compare(1, 2, rows, truth)
    for column, name in (("version 1", "logistic"), ("version 2", "stump")):
        model, scores = models[name], compared.metrics[column]
        labels = model.predict(rows)
        assert scores["accuracy"] == accuracy_score(truth, labels)
        assert scores["macro F1"] == pytest.approx(f1_score(truth, labels, average="macro"))
        expected = log_loss(truth, model.predict_proba(rows), labels=model.classes_)
        assert scores["log loss"] == pytest.approx(expected, rel=1e-4)
        assert scores["ms per row"] > 0
    differs = models["logistic"].predict(rows) != models["stump"].predict(rows)
    assert sorted(compared.disagreements.index) == sorted(rows.index[differs])
    assert f"{differs.sum()} rows differ" in compared._repr_html_()


def test_compares_values(rookery: Rookery, models: dict[str, Any], split: Any) -> None:
    rows, truth = split.test[MEASUREMENTS[:3]], split.test["body_mass_g"]
    compared = rookery["mass"].compare(1, 1, rows, truth)
    expected = r2_score(truth, models["mass"].predict(rows))
    assert compared.metrics.loc["R²", "version 1"] == pytest.approx(expected, rel=1e-4)
    assert compared.disagreements.empty
    with pytest.raises(DataError, match="pass one answer per row"):
        rookery["mass"].compare(1, 1, rows, truth[:-1])
