"""What the model routes answer with: the response models that OpenAPI shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

StateName = Literal["ready", "loading", "quarantined", "unloaded"]


class VersionView(BaseModel):
    """One version of a model."""

    version: int
    state: StateName
    reason: str | None = Field(description="Why it does not answer, or was refused.")
    digest: str | None = Field(description="SHA-256 of what is served.")


class Refusal(BaseModel):
    """A version whose file was refused."""

    version: int
    reason: str


class ModelView(BaseModel):
    """One model."""

    name: str
    state: StateName
    reason: str | None = Field(description="Why nothing answers; null when something does.")
    active_version: int | None = Field(description="What answers when no version is asked for.")
    pinned_version: int | None
    loaded_versions: list[int]
    versions: list[VersionView]
    quarantined: list[Refusal]
    selected: bool = Field(description="Whether /predict/ uses it.")
    task: Literal["classification", "regression"] | None = Field(
        description="Null for a file without contract."
    )
    features: list[str] | None = Field(
        description="In order; null when it takes tensors only. A model that would take over "
        "64 KiB of the list has null there for features, classes and metrics, and its highest "
        "versions only."
    )
    classes: list[str | int | float | bool] | None
    metrics: dict[str, Any] | None = Field(
        description="On held-out data.", examples=[{"rows": 114, "accuracy": 0.991}]
    )


class ModelDetail(ModelView):
    """One model, with its whole contract."""

    contract: dict[str, Any] | None = Field(
        description="Null for a file without contract.",
        examples=[{"contract_version": 1, "task": "classification"}],
    )
    signature: dict[str, Any] | None = Field(
        description="Inputs and outputs of the ONNX graph.",
        examples=[{"inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]}],
    )
    plan: dict[str, Any] | None = Field(
        description="How it is served, and the costs behind it.", examples=[{"threads": 1}]
    )


class IgnoredView(BaseModel):
    """An entry of the models folder that is not taken for a model."""

    path: str
    reason: str


class SelectionView(BaseModel):
    """The model that /predict/ uses."""

    model: str
    version: int | None = Field(description="Null: whatever version is active.")


class ModelsView(BaseModel):
    """Every model."""

    models: list[ModelView]
    selected: SelectionView | None
    ignored: list[IgnoredView]


class SelectionResult(BaseModel):
    """What was selected."""

    selected: SelectionView
    active_version: int = Field(description="The version that answers now.")
    message: str


class ActiveChange(BaseModel):
    """The version to pin."""

    version: Annotated[int, Field(strict=True, ge=1)] | Literal["latest"] = Field(
        description="A version in the models folder, or 'latest' for the highest good one.",
        examples=["latest"],
    )


class ActivationResult(BaseModel):
    """What is active now."""

    model: str
    active_version: int | None = Field(description="Null when no version is good.")
    pinned_version: int | None


class RowFault(BaseModel):
    """What is wrong with one row."""

    row: int = Field(description="From 0.")
    feature: str | None = Field(description="Null where the row as a whole is wrong.")
    reason: str


class Problem(BaseModel):
    """A problem document, RFC 9457."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str
    errors: list[RowFault] = Field(default=[], description="One entry per bad row and feature.")
    total_errors: int = Field(default=0, description="How many there are, the unlisted included.")
