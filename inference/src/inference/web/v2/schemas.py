"""The response models of the protocol's routes, for OpenAPI.

Source: https://github.com/kserve/open-inference-protocol, specification of the REST protocol, and
Triton's extensions of it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ErrorView(BaseModel):
    """An error."""

    error: str


class ServerMetadata(BaseModel):
    """Name, version and extensions of the server."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """Whether the server is alive."""

    live: bool


class ServerReady(Live):
    """Whether the server is ready for traffic."""

    ready: bool


class ServerNotReady(ServerReady, ErrorView):
    """The server is alive and not ready."""


class ModelReady(BaseModel):
    """Whether a model is ready."""

    name: str
    ready: bool


class ModelNotReady(ModelReady, ErrorView):
    """The model exists but is not ready."""


class ModelNames(BaseModel):
    """The names of the models that are ready."""

    models: list[str]


class TensorMetadata(BaseModel):
    """One input or output."""

    name: str
    datatype: str
    shape: list[int] = Field(description="-1 is a variable dimension.")


class ModelMetadata(BaseModel):
    """Inputs and outputs of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, Any] = Field(
        description="The contract, if the file has one, and the outputs that are omitted because "
        "the protocol has no datatype for them.",
        examples=[{}],
    )


class TensorConfig(BaseModel):
    """One input or output, in Triton's format."""

    name: str
    data_type: str
    dims: list[int]


class ModelConfig(BaseModel):
    """The configuration of a model in Triton's format."""

    name: str
    platform: str
    backend: str
    default_model_filename: str
    version_policy: dict[str, Any] = Field(examples=[{"specific": {"versions": [1]}}])
    max_batch_size: int = Field(description="Always 0: shapes include the batch dimension.")
    input: list[TensorConfig]
    output: list[TensorConfig]
    parameters: dict[str, Any] = Field(examples=[{}])


class DurationView(BaseModel):
    """A count, and the total time in nanoseconds."""

    count: int
    ns: int


class InferenceStatistics(BaseModel):
    """Request counts and the time spent in each phase."""

    success: DurationView
    fail: DurationView
    queue: DurationView
    compute_input: DurationView
    compute_infer: DurationView
    compute_output: DurationView
    cache_hit: DurationView = Field(description="Always 0: nothing is cached.")
    cache_miss: DurationView = Field(description="Always 0: nothing is cached.")


class BatchStatistics(BaseModel):
    """Runs with one batch size."""

    batch_size: int
    compute_input: DurationView
    compute_infer: DurationView
    compute_output: DurationView


class ModelStatisticsView(BaseModel):
    """Statistics of one version of a model."""

    name: str
    version: str
    last_inference: int = Field(
        description="Milliseconds since the Unix epoch; 0 if there was none."
    )
    inference_count: int = Field(description="Predicted rows.")
    execution_count: int = Field(description="Runs of the model; fewer than requests if batched.")
    inference_stats: InferenceStatistics
    batch_stats: list[BatchStatistics]


class StatisticsView(BaseModel):
    """Statistics of the requested versions."""

    model_stats: list[ModelStatisticsView]


class IndexRequest(BaseModel):
    """What to list. An empty body lists everything."""

    ready: bool = Field(default=False, description="List only what is ready.")


class IndexEntry(BaseModel):
    """One version of a model."""

    name: str
    version: str
    state: Literal["UNKNOWN", "READY", "UNAVAILABLE", "LOADING", "UNLOADING"]
    reason: str = Field(description="Why it is not ready; empty if it is ready.")


class RepositoryRequest(BaseModel):
    """Parameters of a load or unload. They are ignored."""

    parameters: dict[str, Any] = Field(default={}, examples=[{}])


class Loaded(BaseModel):
    """The model was loaded."""

    name: str
    load: Literal[True] = True


class Unloaded(BaseModel):
    """The model was unloaded."""

    name: str
    unload: Literal[True] = True
