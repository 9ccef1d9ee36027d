"""The facts of a published version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.display.elements import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.display.timings import Timing
    from inference.admission.report import Report
    from inference.model.contract import Contract, Metrics

_SHOWN_METRICS = 4


@dataclass(frozen=True, repr=False)
class PublishedVersion:
    """A published version of a model: its facts, and the addresses that follow from them.

    Attributes:
        name: The model's name.
        version: The version it became.
        path: The ONNX file: a path, or its URL in a bucket as a string.
        url: Where the service answers.
        link_url: Where the person's browser and shell find it.
        contract: What the file says about itself.
        report: What the service's admission found.
        timings: Speed of the original and of the ONNX file on this machine.
        unchanged: Whether the newest version was already the same, so no version was created.
        removed: Older versions that were removed because of ``keep``.
        fit: Metrics on the training rows, if ``y`` was passed; not in the contract.
    """

    name: str
    version: int
    path: Any
    url: str
    link_url: str
    contract: Contract
    report: Report
    timings: list[Timing]
    fit: Metrics | None = None
    unchanged: bool = False
    removed: Sequence[int] = ()

    @property
    def metrics(self) -> Metrics | None:
        """Metrics on held-out data; ``None`` without ``evaluate``."""
        return self.contract.training.metrics

    @property
    def origin(self) -> str | None:
        """Where MLflow stores the model, with the run's first metrics; ``None`` elsewhere."""
        source = self.contract.training.source
        logged = None if source is None else source.mlflow
        if logged is None:
            return None
        parts = [] if logged.model is None else [f"{logged.model} version {logged.version}"]
        parts += [] if logged.run_id is None else [f"run {logged.run_id}"]
        shown = list((logged.metrics or {}).items())[:_SHOWN_METRICS]
        values = ", ".join(f"{name} {number(value, 4)}" for name, value in shown)
        return (", ".join(parts) or logged.uri) + (f" ({values})" if values else "")

    @property
    def docs_url(self) -> str:
        """The model's entry in Swagger."""
        return f"{self.link_url}/docs#/predict/predict-{self.name}"

    @property
    def predict_url(self) -> str:
        """The address for predictions of the model's active version."""
        return f"{self.link_url}/models/{self.name}/predict"

    @property
    def curl(self) -> str:
        """A shell command that predicts the example."""
        body = json.dumps(self.contract.example, ensure_ascii=False).replace("'", "'\\''")
        return f"curl {self.predict_url} -H 'content-type: application/json' -d '{body}'"
