"""The record of the corpus, from which docs/reference/estimators.md is made, fits the corpus."""

from __future__ import annotations

from acceptance.corpus.pipelines.record import describe, read
from acceptance.corpus.test_share import KINDS, PREDICTORS
from exporter import supported_estimators

LEAST_RECORDED = 1


def test_the_record_fits_the_corpus() -> None:
    """Otherwise run ``PYTHONPATH=tests:tools python -m acceptance.corpus.pipelines.record``."""
    corpus = {describe(case): case for case in (*PREDICTORS, *KINDS)}
    recorded = read()["cases"]
    assert set(recorded) <= set(corpus)
    assert len(recorded) >= LEAST_RECORDED * len(corpus)
    refused = {name for name, case in recorded.items() if "refused" in case}
    assert refused == {name for name in recorded if corpus[name].refused}


def test_lists_what_was_published_as_supported() -> None:
    """As the page of estimators does."""
    cases = [case for case in read()["cases"].values() if "refused" not in case]
    assert supported_estimators() == sorted({kind for case in cases for kind in case["estimators"]})
