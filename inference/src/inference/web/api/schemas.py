"""The request and response models of the model routes, for OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from inference.model.contract import Task  # noqa: TC001 - pydantic reads it
from inference.web.api.traffic_schemas import TrafficState  # noqa: TC001 - likewise

StateName = Literal["ready", "loading", "quarantined", "unloaded"]


class VersionView(BaseModel):
    """One version of a model."""

    version: int
    state: StateName
    reason: str | None = Field(description="Why it is not ready, or was quarantined.")
    digest: str | None = Field(description="SHA-256 of the served file.")


class Refusal(BaseModel):
    """A quarantined version."""

    version: int
    reason: str


class AnswerView(BaseModel):
    """What a version answers with; null for one that is not loaded."""

    task: Task | None = Field(description="Null for a file without a contract.")
    features: list[str] | None = Field(
        description="In order; null for a model that accepts tensors only. In the list of all "
        "models, an entry above 64 KiB has null for features, classes, targets and metrics, and "
        "lists only the highest versions."
    )
    classes: list[str | int | float | bool] | None
    targets: list[str] | None = Field(
        description="Names of the values of a regression on several targets, of the labels of a "
        "classifier with several, or of the columns of a transformer's vector; else null."
    )
    metrics: dict[str, Any] | None = Field(
        description="Measured on held-out data.", examples=[{"rows": 114, "accuracy": 0.991}]
    )


class ModelView(AnswerView):
    """One model."""

    name: str
    state: StateName
    reason: str | None = Field(description="Why no version is ready; null if one is.")
    active_version: int | None = Field(
        description="The version that answers if a request names none."
    )
    pinned_version: int | None
    traffic: TrafficState | None = Field(description="Null without a split and a shadow.")
    loaded_versions: list[int]
    versions: list[VersionView]
    quarantined: list[Refusal]
    selected: bool = Field(description="Whether POST /predict/ uses this model.")


class GraphView(BaseModel):
    """The contract and the graph of a loaded version."""

    contract: dict[str, Any] | None = Field(
        description="Null for a file without a contract.",
        examples=[{"contract_version": 1, "task": "classification"}],
    )
    signature: dict[str, Any] | None = Field(
        description="Inputs and outputs of the ONNX graph.",
        examples=[{"inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]}],
    )
    plan: dict[str, Any] | None = Field(
        description="How the model is served, and its measured costs.", examples=[{"threads": 1}]
    )


class ModelDetail(ModelView, GraphView):
    """One model, with the contract of its active version."""


class VersionDetail(VersionView, AnswerView, GraphView):
    """One version of a model, with its contract."""

    name: str
    active: bool = Field(description="Whether it answers if a request names no version.")
    pinned: bool


class IgnoredView(BaseModel):
    """An entry of the models folder that is not a model."""

    path: str
    reason: str


class SelectionView(BaseModel):
    """The model that /predict/ uses."""

    model: str
    version: int | None = Field(description="The selected version; null: always the active one.")


class SourceView(BaseModel):
    """The object store that the models are copied from."""

    url: str
    state: Literal["starting", "ok", "away"] = Field(
        description="away: the store does not answer; the copied models stay."
    )
    since: str | None = Field(description="When this state began, RFC 3339; null at the start.")


class ModelsView(BaseModel):
    """All models."""

    models: list[ModelView]
    selected: SelectionView | None
    ignored: list[IgnoredView]
    source: SourceView | None = Field(
        default=None, description="Only with INFERENCE_MODELS_URL: where the models come from."
    )


class SelectionResult(BaseModel):
    """The new selection."""

    selected: SelectionView
    active_version: int = Field(description="The version that answers now.")
    message: str


class ActiveChange(BaseModel):
    """The version to pin."""

    version: Annotated[int, Field(strict=True, ge=1)] | Literal["latest"] = Field(
        description="A version in the models folder, or 'latest' for the highest admitted one.",
        examples=["latest"],
    )


class ActivationResult(BaseModel):
    """The active version after the change."""

    model: str
    active_version: int | None = Field(description="Null if no version is admitted.")
    pinned_version: int | None


class RowFault(BaseModel):
    """An error in one row."""

    row: int = Field(description="Index of the row, from 0.")
    feature: str | None = Field(description="Null if the row as a whole is invalid.")
    reason: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str
    errors: list[RowFault] = Field(default=[], description="One entry per invalid row and feature.")
    total_errors: int = Field(default=0, description="Number of errors, listed or not.")
