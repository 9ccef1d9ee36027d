"""The introduction of the OpenAPI document: the first steps, with and without models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.repository.snapshot import Snapshot

_WITH_MODELS = """\
Rookery serves the machine learning models in a folder: it predicts with them over HTTP.

Select a model with **`POST /select-model/`** (the drop-down lists the ready models), then predict
with **`POST /predict/`**. Or predict with a model by name: each model has its own entry under
*predict*, with its features and with examples that you can execute unchanged.

Models appear, change and disappear without a restart. `/docs` shows this at once.
"""
_WITHOUT_MODELS = """\
**No model is ready yet.** Publish one in one of these ways. It then appears on this page:

- In a notebook: `from exporter import publish`, then `publish(model, "my-model", X, y)`.
- On the command line: `exporter publish model.joblib --name my-model --sample rows.csv`.
- Copy any ONNX file into the models folder, as `my-model.onnx` or `my-model/1/model.onnx`.
"""
_REFUSED = """
Some files were found and not admitted: **`GET /models`** states the reasons.
"""
_WITHOUT_KEY = """\
**This service requires an API key.** Press *Authorize* and enter your key. The models then appear.
"""


def introduce(snapshot: Snapshot | None) -> str:
    """Return the introduction. ``None`` is for a request without a key."""
    if snapshot is None:
        return _WITHOUT_KEY
    if snapshot.ready_names:
        return _WITH_MODELS
    return _WITHOUT_MODELS + (_REFUSED if snapshot.models else "")
