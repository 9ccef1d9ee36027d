"""Publish scikit-learn models from a notebook as ONNX files that describe themselves.

With a fitted ``model``::

from exporter import publish

publish(model, "penguins", X, evaluate=(X_test, y_test)).wait()
"""

from __future__ import annotations

import os

# On by default on Linux since onnxruntime 1.29, and read when the library loads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from exporter.conversion.converter import supported_estimators
from exporter.publication import Publication
from exporter.publish import publish

__all__ = ["Publication", "publish", "supported_estimators"]
