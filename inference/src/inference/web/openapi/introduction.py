"""What stands at the head of the document: what to do first, with models and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.repository.snapshot import Snapshot

_WITH_MODELS = """\
Choose a model with **`POST /select-model/`** (its drop-down lists the live ones), then ask
**`POST /predict/`**. Or ask a model by name: each has its own entry under *predict*, with its
features and examples that run as they are.

Models appear, change and go without a restart, and this page follows by itself.
"""
_WITHOUT_MODELS = """\
**No model is live yet.** Do one of these; the model then appears on this page by itself:

- In a notebook: `from exporter import publish`, then `publish(model, "my-model", X, y)`.
- On the command line: `exporter publish model.joblib --name my-model --sample rows.csv`.
- Copy any ONNX file into the models folder, as `my-model.onnx` or `my-model/1/model.onnx`.
"""
_REFUSED = """
Files are there that do not answer: **`GET /models`** says why.
"""
_WITHOUT_KEY = """\
**This service needs a key.** Press *Authorize* and enter yours; the models then appear here.
"""


def introduce(snapshot: Snapshot | None) -> str:
    """Write the head for the models at one moment; ``None`` for who has shown no key."""
    if snapshot is None:
        return _WITHOUT_KEY
    if snapshot.ready_names:
        return _WITH_MODELS
    return _WITHOUT_MODELS + (_REFUSED if snapshot.models else "")
