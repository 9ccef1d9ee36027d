"""The facts of a published version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from exporter.display.timings import Timing
    from inference.admission.report import Report
    from inference.model.contract import Contract, Metrics


@dataclass(frozen=True, repr=False)
class PublishedVersion:
    """A published version of a model: its facts, and the addresses that follow from them.

    Attributes:
        name: The model's name.
        version: The version it became.
        path: The ONNX file.
        url: Where the service answers.
        link_url: Where the person's browser and shell find it.
        contract: What the file says about itself.
        report: What the service's admission found.
        timings: How fast the original and the ONNX file are on this machine.
        unchanged: Whether the newest version was the same already, so that no other was made.
        removed: Older versions that were removed, where ``keep`` asked for it.
        fit: Metrics on the rows in ``X``, when ``y`` was given: not held out, for the eye only.
    """

    name: str
    version: int
    path: Path
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
        """Metrics on held-out data, ``None`` when ``evaluate`` was not given."""
        return self.contract.training.metrics

    @property
    def docs_url(self) -> str:
        """The model's entry in Swagger."""
        return f"{self.link_url}/docs#/predict/predict-{self.name}"

    @property
    def predict_url(self) -> str:
        """Where the model's active version predicts."""
        return f"{self.link_url}/models/{self.name}/predict"

    @property
    def curl(self) -> str:
        """A line for a shell that predicts the example."""
        body = json.dumps(self.contract.example, ensure_ascii=False).replace("'", "'\\''")
        return f"curl {self.predict_url} -H 'content-type: application/json' -d '{body}'"
