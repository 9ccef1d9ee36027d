"""imbalanced-learn's ensembles, which answer as those of scikit-learn that they are made of.

Its Pipeline is one of scikit-learn's whose samplers do nothing when it predicts.
"""

from __future__ import annotations

from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)

from exporter.conversion.graph.registry import predicts
from exporter.conversion.meta_estimators.wrappers import predict_bagging
from exporter.conversion.trees import adaboost, forests

predicts(BalancedRandomForestClassifier)(forests.predict_class)
predicts(BalancedBaggingClassifier, EasyEnsembleClassifier)(predict_bagging)
predicts(RUSBoostClassifier)(adaboost.predict_class)
