"""Publishing a pipeline of the corpus, and asking it over HTTP between the rows of X."""

from __future__ import annotations

import random
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from acceptance.corpus.between import rows_between
from acceptance.corpus.datasets import load
from exporter import publish
from exporter.data.boosters import as_estimator
from exporter.errors import ExporterError
from support.amount import amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acceptance.corpus.case import Case
    from exporter import Publication
    from support.service.process import Service

ROWS = 300
MODULES = 6


def choose(cases: Sequence[Case]) -> Any:
    """Choose some pipelines of one module, or all; as a parameter of a test.

    The corpus is split into modules, so that processes can share it.
    """
    count = min(-(-amount("CORPUS", 8) // MODULES), len(cases))
    chosen = random.Random(10).sample(list(cases), count)
    return pytest.mark.parametrize("case", chosen, ids=[f"{i:03}" for i in range(count)])


def check(case: Case, service: Service, name: str) -> None:
    """Publish a pipeline, and compare its answers over HTTP with the original's.

    Labels have to be equal, probabilities and numbers within the tolerance that the file records.
    """
    x, y = load(case.data)
    model = _fit(case.model, x, y)
    if case.refused:
        with pytest.raises(ExporterError, match=case.refused):
            publish(model, name, x, models_dir=service.models, progress=False)
        return
    publication = publish(model, name, x, models_dir=service.models, progress=False)
    try:
        service.wait_for(name, within=60, active_version=publication.version)
        rows = rows_between(x, ROWS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked = as_estimator(model)  # a raw booster takes no rows as they are
            _compare(asked, rows, _ask(service, publication, rows), publication)
    finally:
        shutil.rmtree(publication.path.parent)


def _fit(template: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some stop before they have converged
        return clone(template).fit(x, y)


def _ask(service: Service, publication: Publication, rows: Any) -> list[Any]:
    contract = publication.contract
    names = [feature.name for feature in contract.features]
    columns = names if isinstance(rows, pd.DataFrame) else list(range(len(names)))
    table = np.array(rows, dtype=object).reshape(-1, 1) if isinstance(rows, list) else rows
    frame = (table if isinstance(table, pd.DataFrame) else pd.DataFrame(table))[columns]
    records = [
        dict(zip(names, [None if _is_gap(v) else v for v in row], strict=True))
        for row in frame.astype(object).to_numpy().tolist()
    ]
    answer = service.client.post(f"/models/{publication.name}/predict", json=records)
    assert answer.status_code == 200, answer.text[:500]
    body = answer.json()
    assert body["version"] == publication.version
    predictions: list[Any] = body["predictions"]
    return predictions


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _compare(model: Any, rows: Any, predictions: list[Any], publication: Publication) -> None:
    contract = publication.contract
    if contract.task == "transformation":
        _assert_close([p["vector"] for p in predictions], model.transform(rows), publication)
        return
    expected = np.asarray(model.predict(rows))
    if contract.task == "regression":
        several = expected.ndim > 1 and expected.shape[1] > 1
        given = np.array([[*p["values"].values()] if several else p["value"] for p in predictions])
        _assert_close(given, expected.reshape(given.shape), publication)
        return
    if contract.task == "multioutput_classification":
        _compare_labels(model, rows, predictions, publication)
        return
    labels = expected[:, 0] if expected.ndim > 1 else expected  # CatBoost's are a column
    assert [p["label"] for p in predictions] == labels.tolist()
    if contract.outputs.probabilities is not None:
        given = np.array([list(p["probabilities"].values()) for p in predictions])
        _assert_close(given, model.predict_proba(rows), publication)
    elif contract.task == "classification":
        assert not hasattr(model, "predict_proba")
    if contract.task == "outlier_detection":
        scores = [p["score"] for p in predictions]
        _assert_close(scores, model.decision_function(rows), publication)
    if contract.outputs.distances is not None:
        given = np.array([list(p["distances"].values()) for p in predictions])
        _assert_close(given, model.transform(rows), publication)


def _compare_labels(
    model: Any, rows: Any, predictions: list[Any], publication: Publication
) -> None:
    names = [target.name for target in publication.contract.labels or []]
    given = [[p["labels"][name] for name in names] for p in predictions]
    assert given == np.asarray(model.predict(rows)).tolist()
    if not hasattr(model, "predict_proba"):
        return
    shares = model.predict_proba(rows)
    for place, name in enumerate(names):
        of_each = [list(p["probabilities"][name].values()) for p in predictions]
        if isinstance(shares, list):
            _assert_close(of_each, shares[place], publication)
        else:  # the probability of the second class
            _assert_close([pair[1] for pair in of_each], shares[:, place], publication)


def _assert_close(given: Any, expected: Any, publication: Publication) -> None:
    tolerance = publication.contract.parity.tolerance
    expected = expected.toarray() if hasattr(expected, "toarray") else np.asarray(expected)
    given = np.array(given, dtype=float)
    np.testing.assert_allclose(given, expected, rtol=0, atol=tolerance)
