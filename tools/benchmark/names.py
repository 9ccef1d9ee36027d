"""Names of the models that are measured."""

from __future__ import annotations

LOGISTIC = "penguins-logistic-regression"
FOREST = "penguins-random-forest"
NEIGHBORS = "penguins-nearest-neighbours"
PENGUINS = (
    LOGISTIC,
    FOREST,
    NEIGHBORS,
    "penguins-support-vector-machine",
    "penguins-gradient-boosting",
)
WIDE = "wide"
# The same k-nearest-neighbors as skl2onnx converts it by default, a loop over the training rows;
# the exporter chooses an operator which makes it so cheap that there is nothing to batch.
SCAN = "neighbors-by-scan"
# By the library that has made them.
_LIBRARIES = ("forest", "hist-gradient-boosting", "xgboost", "lightgbm", "catboost")
OF_THREE_CLASSES = "-3-classes"
TREES = (*_LIBRARIES, *(f"{name}{OF_THREE_CLASSES}" for name in _LIBRARIES))
