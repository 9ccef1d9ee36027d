"""Every kind of model answers from its file as in the notebook, on held-out rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import is_regressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    RandomForestClassifier,
)
from sklearn.svm import SVC

from exporter import publish
from inference.admission.admission import examine
from inference.model.labels import label_key

if TYPE_CHECKING:
    from pathlib import Path


from support.conversion.penguin_models import CASES, MEASUREMENTS, publish_case, scaled

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", CASES)
def test_answers_held_out_rows_as_the_original_does(
    name: str, split: Any, tmp_path: Path, ask: Any
) -> None:
    """Published, read back and asked through JSON: labels equal, probabilities as close."""
    case = CASES[name]
    model, publication, held = publish_case(case, split, tmp_path)
    rows = (
        held.tolist()
        if case.as_array
        else json.loads(held.to_json(orient="values", double_precision=15))
    )
    names = publication.contract.feature_names
    if not case.as_array:
        indices = [case.columns.index(n) for n in names]
        rows = [[row[i] for i in indices] for row in rows]
    reply = ask(publication.path, rows)
    parity = publication.contract.parity
    assert case.precision in ("", parity.precision)
    assert parity.rows == len(split.train) + len(split.test)
    expected = np.asarray(model.predict(held))
    if is_regressor(model):
        np.testing.assert_allclose(reply.labels, expected, rtol=0, atol=parity.tolerance)
        return
    assert parity.label_agreement == 1.0
    assert reply.labels == expected.tolist()
    assert {type(label) for label in reply.labels} == {type(expected.tolist()[0])}
    assert hasattr(model, "predict_proba") == (reply.probabilities is not None)
    if reply.probabilities is not None:
        differences = np.abs(reply.probabilities - model.predict_proba(held))
        assert differences.max() <= parity.tolerance
    assert publication.contract.classes == model.classes_.tolist()


@pytest.mark.parametrize("name", ["logistic", "mixed-forest", "linear-regression-two-targets"])
def test_fills_the_whole_contract(name: str, split: Any, tmp_path: Path) -> None:
    """Every field that this kind of model can fill is filled, and admission agrees."""
    case = CASES[name]
    model, publication, _ = publish_case(case, split, tmp_path)
    contract = publication.contract
    assert contract.feature_names == case.columns
    for feature in contract.features:
        values = split.train[feature.name]
        assert feature.example in values.tolist()
        if feature.kind in ("number", "integer"):
            assert (feature.minimum, feature.maximum) == (values.min(), values.max())
            assert feature.histogram is not None
            assert sum(feature.histogram.counts) == len(values)
        if feature.kind == "category":
            assert feature.categories == sorted(values.unique())
    assert contract.training.rows == len(split.train)
    assert contract.training.metrics is not None
    assert contract.training.metrics.rows == len(split.test)
    assert 8 <= len(contract.samples) <= 32
    if contract.classes is not None:
        labels = {label_key(sample.label) for sample in contract.samples}  # type: ignore[arg-type]
        assert labels == {label_key(c) for c in model.classes_.tolist()}
    else:
        assert contract.targets == ["y0", "y1"]
    report = examine(publication.path)
    assert report.admitted, report.reason
    assert report.samples == len(contract.samples)


def test_label_is_that_of_predict_and_not_of_the_highest_probability(
    split: Any, tmp_path: Path, ask: Any
) -> None:
    """SVC's probabilities come from another fit than its labels, and disagree on some rows."""
    x = split.train[MEASUREMENTS]
    with pytest.warns(FutureWarning, match="probability"):
        model = scaled(SVC(probability=True, random_state=0)).fit(x, split.train["sex"])
    published = publish(model, "m", x, models_dir=tmp_path)
    reply = ask(published.path, x.to_numpy().tolist())
    assert reply.labels == model.predict(x).tolist()
    highest = model.classes_[reply.probabilities.argmax(axis=1)].tolist()
    assert highest != reply.labels
    np.testing.assert_allclose(reply.probabilities, model.predict_proba(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("trees", [20, 50])
def test_ties_of_trees_go_to_the_class_of_the_original(
    kind: Any, trees: int, tmp_path: Path, ask: Any
) -> None:
    """Half of the trees' shares add up to more than a half in single precision."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 4))
    y = x[:, 0] + rng.normal(size=1500) > 0
    model = kind(trees, random_state=0).fit(x[:500], y[:500])
    halves = model.predict_proba(x)
    assert (halves[:, 0] == halves[:, 1]).sum() > 5
    publication = publish(model, "m", x[:500], models_dir=tmp_path)
    assert ask(publication.path, x.tolist()).labels == model.predict(x).tolist()
