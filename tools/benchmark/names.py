"""Names of the models that are measured."""

from __future__ import annotations

LOGISTIC = "penguins-logistic-regression"
FOREST = "penguins-random-forest"
NEIGHBOURS = "penguins-nearest-neighbours"
PENGUINS = (
    LOGISTIC,
    FOREST,
    NEIGHBOURS,
    "penguins-support-vector-machine",
    "penguins-gradient-boosting",
)
WIDE = "wide"
# The same k-nearest-neighbours as skl2onnx converts it by default, a loop over the training rows;
# the exporter chooses an operator which makes it so cheap that there is nothing to batch.
SCAN = "neighbours-by-scan"
