"""How much of the corpus is published."""

from __future__ import annotations

import sys
from typing import Any

from acceptance.corpus.pipelines.boosted import BOOSTED
from acceptance.corpus.pipelines.functions import FUNCTIONS
from acceptance.corpus.pipelines.gallery import CLASSIFIERS, REGRESSORS
from acceptance.corpus.pipelines.kinds import CLUSTERS, LABELS, OUTLIERS, VECTORS
from acceptance.corpus.pipelines.libraries import LIBRARIES
from acceptance.corpus.pipelines.mixed import COLUMNS, TEXTS
from acceptance.corpus.pipelines.rare import RARE
from acceptance.corpus.pipelines.raw import RAW
from acceptance.corpus.pipelines.walked import WALKED
from acceptance.corpus.pipelines.wrapped import WRAPPED

PREDICTORS = [
    *(*CLASSIFIERS, *REGRESSORS, *COLUMNS, *TEXTS),
    *(*WRAPPED, *WALKED, *BOOSTED, *LIBRARIES, *FUNCTIONS, *RAW, *RARE),
]
KINDS = [*LABELS, *OUTLIERS, *CLUSTERS, *VECTORS]
LEAST_PUBLISHED = 0.95


def test_holds_enough_and_refuses_little(record_testsuite_property: Any) -> None:
    """The published share is reported, and at least as high as documented."""
    corpus = [*PREDICTORS, *KINDS]
    published = sum(case.refused is None for case in corpus)
    reported = f"{published} of {len(corpus)} pipelines: {published / len(corpus):.1%}"
    record_testsuite_property("published", reported)
    sys.stdout.write(f"published: {reported}\n")
    assert len(PREDICTORS) >= 420
    assert len(KINDS) >= 60
    assert published / len(corpus) > LEAST_PUBLISHED
