"""The metrics of drift, see :mod:`inference.monitoring.drift`."""

from __future__ import annotations

from inference.telemetry.answer_counts import OTHER, SHOWN_FEATURES
from inference.telemetry.prometheus.family import Family

FEATURE_PSI = Family(
    "inference_feature_psi",
    "gauge",
    ("model", "version", "feature"),
    "Population stability index of the served values against the training data, over the latest "
    f"rows; the first {SHOWN_FEATURES} features of a loaded version. No series below 200 rows, or "
    "without a distribution in the contract.",
)
ANSWER_PSI = Family(
    "inference_answer_psi",
    "gauge",
    ("model", "version"),
    "Population stability index of the labels or values against those of the training rows; the "
    "largest of several targets.",
)
VALUES = Family(
    "inference_values",
    "counter",
    ("model", "version", "feature", "kind"),
    "Served values by kind: known, missing, unseen (a category that training did not have) or "
    f"out_of_range; the first {SHOWN_FEATURES} features of a loaded version, and {OTHER}. "
    "Estimated from a sample under a high rate.",
)

DRIFT_FAMILIES = (FEATURE_PSI, ANSWER_PSI, VALUES)
