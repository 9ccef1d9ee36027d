"""Publish scikit-learn models from a notebook as ONNX files that describe themselves.

With a fitted ``model``::

from exporter import publish

publish(model, "penguins", X, evaluate=(X_test, y_test)).wait()

and use what a running service serves::

from exporter import Rookery

Rookery()["penguins"].predict(df)
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# On by default on Linux since onnxruntime 1.29, and read when the library loads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from exporter.conversion.converter import supported_estimators
    from exporter.mlflow_publishing import publish_mlflow
    from exporter.publication import Publication
    from exporter.publishing import publish
    from exporter.rookery.rookery import Rookery

__all__ = ["Publication", "Rookery", "publish", "publish_mlflow", "supported_estimators"]

# Imported on first use: the client runs without scikit-learn, skl2onnx and onnx.
_HOMES = {
    "Publication": "exporter.publication",
    "Rookery": "exporter.rookery.rookery",
    "publish": "exporter.publishing",
    "publish_mlflow": "exporter.mlflow_publishing",
    "supported_estimators": "exporter.conversion.converter",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
