"""imbalanced-learn's pipelines and ensembles answer as the library does when it predicts."""

from __future__ import annotations

from typing import Any

import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler

from support.conversion.converted_models import (
    CELLS,
    IRIS,
    MALIGNANT,
    SPECIES,
    between,
    check,
    fit,
    log,
)

pytestmark = pytest.mark.long

MODELS = [
    make_pipeline(StandardScaler(), SMOTE(random_state=0), log()),
    make_pipeline(SMOTEENN(random_state=0), PCA(2), RandomForestClassifier(10, random_state=0)),
    make_pipeline(RandomUnderSampler(random_state=0), PCA(2), FunctionSampler(), log()),
    BalancedRandomForestClassifier(20, random_state=0),
    BalancedRandomForestClassifier(
        10, sampling_strategy="all", replacement=True, bootstrap=False, random_state=0
    ),
    BalancedBaggingClassifier(random_state=0),
    BalancedBaggingClassifier(log(), max_features=2, random_state=0),
    BalancedBaggingClassifier(sampler=SMOTE(), random_state=0),
    EasyEnsembleClassifier(4, random_state=0),
    RUSBoostClassifier(n_estimators=10, random_state=0),
    RUSBoostClassifier(log(), n_estimators=5, random_state=0),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("data", [(IRIS, SPECIES), (CELLS, MALIGNANT)], ids=["three", "two"])
def test_leaves_the_samplers_out(model: Any, data: Any) -> None:
    """Between the training rows, for two classes and for three."""
    rows, classes = data
    check(fit(model, rows, classes), rows, between(rows))
