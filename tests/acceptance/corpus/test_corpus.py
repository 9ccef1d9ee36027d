"""Every published pipeline answers like the original, over HTTP and between the rows of X."""

from __future__ import annotations

import random
import shutil
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor

from acceptance.corpus.between import rows_between
from acceptance.corpus.boosted import BOOSTED
from acceptance.corpus.datasets import load
from acceptance.corpus.gallery import CLASSIFIERS, REGRESSORS
from acceptance.corpus.libraries import LIBRARIES
from acceptance.corpus.mixed import COLUMNS, TEXTS
from acceptance.corpus.walked import WALKED
from acceptance.corpus.wrapped import WRAPPED
from exporter import publish
from exporter.errors import RefusedError
from support.amount import amount
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acceptance.corpus.case import Case
    from exporter import Publication

CORPUS = [*CLASSIFIERS, *REGRESSORS, *COLUMNS, *TEXTS, *WRAPPED, *WALKED, *BOOSTED, *LIBRARIES]
ROWS = 300
LEAST_PUBLISHED = 0.95
CHOSEN = random.Random(10).sample(CORPUS, min(amount("CORPUS", 8), len(CORPUS)))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the whole corpus, with at most one model at a time."""
    with Service(tmp_path_factory.mktemp("corpus")) as running:
        yield running.start()


@pytest.mark.parametrize("case", CHOSEN, ids=[f"{i:03}" for i in range(len(CHOSEN))])
def test_answers_like_the_original_between_the_rows(
    case: Case, service: Service, request: pytest.FixtureRequest
) -> None:
    """Labels are equal, probabilities and values within the tolerance that the file records."""
    x, y = load(case.data)
    model = _fit(case.model, x, y)
    name = f"asked-{request.node.callspec.id}"
    if case.refused:
        with pytest.raises(RefusedError, match=case.refused):
            publish(model, name, x, models_dir=service.models, progress=False)
        return
    publication = publish(model, name, x, models_dir=service.models, progress=False)
    try:
        service.wait_for(name, within=60, active_version=publication.version)
        rows = rows_between(x, ROWS)
        _compare(model, rows, _ask(service, publication, rows), publication)
    finally:
        shutil.rmtree(publication.path.parent)


def test_holds_enough_and_refuses_little(record_testsuite_property: Any) -> None:
    """The published share is reported, and at least as high as documented."""
    published = sum(case.refused is None for case in CORPUS)
    reported = f"{published} of {len(CORPUS)} pipelines: {published / len(CORPUS):.1%}"
    record_testsuite_property("published", reported)
    sys.stdout.write(f"published: {reported}\n")
    assert len(CORPUS) >= 420
    assert published / len(CORPUS) > LEAST_PUBLISHED


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
    tolerance = contract.parity.tolerance
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.asarray(model.predict(rows))
        shares = model.predict_proba(rows) if hasattr(model, "predict_proba") else None
    if is_regressor(model):
        several = expected.ndim > 1 and expected.shape[1] > 1
        given = np.array([[*p["values"].values()] if several else p["value"] for p in predictions])
        np.testing.assert_allclose(given, expected.reshape(given.shape), rtol=0, atol=tolerance)
        return
    labels = expected[:, 0] if expected.ndim > 1 else expected  # CatBoost's are a column
    assert [p["label"] for p in predictions] == labels.tolist()
    if shares is not None:
        given = np.array([list(p["probabilities"].values()) for p in predictions])
        np.testing.assert_allclose(given, shares, rtol=0, atol=tolerance)
