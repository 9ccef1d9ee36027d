"""What the protocol's routes answer with: the response models that OpenAPI shows.

Source: https://github.com/kserve/open-inference-protocol, specification of the REST protocol, and
Triton's extensions of it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ErrorView(BaseModel):
    """Why there is no answer."""

    error: str


class ServerMetadata(BaseModel):
    """What this server is and can do."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """Whether the server lives."""

    live: bool


class ServerReady(Live):
    """Whether the server is ready for traffic."""

    ready: bool


class ServerNotReady(ServerReady, ErrorView):
    """The server lives and is not ready."""


class ModelReady(BaseModel):
    """Whether a model answers."""

    name: str
    ready: bool


class ModelNotReady(ModelReady, ErrorView):
    """The model is there and does not answer."""


class ModelNames(BaseModel):
    """The models that answer."""

    models: list[str]


class TensorMetadata(BaseModel):
    """One input or output."""

    name: str
    datatype: str
    shape: list[int] = Field(description="-1 is a variable dimension.")


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, Any] = Field(
        description="The contract, where the file has one; and the outputs that are left out, "
        "since the protocol has no datatype for them.",
        examples=[{}],
    )


class TensorConfig(BaseModel):
    """One input or output, in the words of Triton's configuration."""

    name: str
    data_type: str
    dims: list[int]


class ModelConfig(BaseModel):
    """Triton's configuration of a model, as far as it has a meaning here."""

    name: str
    platform: str
    backend: str
    default_model_filename: str
    version_policy: dict[str, Any] = Field(examples=[{"specific": {"versions": [1]}}])
    max_batch_size: int = Field(description="0: the dimensions hold the batch's.")
    input: list[TensorConfig]
    output: list[TensorConfig]
    parameters: dict[str, Any] = Field(examples=[{}])


class DurationView(BaseModel):
    """How often, and nanoseconds in all."""

    count: int
    ns: int


class InferenceStatistics(BaseModel):
    """Requests and what they spent where."""

    success: DurationView
    fail: DurationView
    queue: DurationView
    compute_input: DurationView
    compute_infer: DurationView
    compute_output: DurationView
    cache_hit: DurationView = Field(description="Always 0: nothing is cached.")
    cache_miss: DurationView = Field(description="Always 0, likewise.")


class BatchStatistics(BaseModel):
    """Runs of one size."""

    batch_size: int
    compute_input: DurationView
    compute_infer: DurationView
    compute_output: DurationView


class ModelStatisticsView(BaseModel):
    """The numbers of one version of a model."""

    name: str
    version: str
    last_inference: int = Field(description="Milliseconds since the epoch; 0 for never.")
    inference_count: int = Field(description="Rows answered.")
    execution_count: int = Field(description="Runs; fewer than requests where these were batched.")
    inference_stats: InferenceStatistics
    batch_stats: list[BatchStatistics]


class StatisticsView(BaseModel):
    """The numbers of every version asked for."""

    model_stats: list[ModelStatisticsView]


class IndexRequest(BaseModel):
    """What the index shall list; an empty body lists everything."""

    ready: bool = Field(default=False, description="Only what answers.")


class IndexEntry(BaseModel):
    """One version of a model."""

    name: str
    version: str
    state: Literal["UNKNOWN", "READY", "UNAVAILABLE", "LOADING", "UNLOADING"]
    reason: str = Field(description="Why it does not answer; empty when it does.")


class RepositoryRequest(BaseModel):
    """Parameters of a load or an unload; none of them means anything here."""

    parameters: dict[str, Any] = Field(default={}, examples=[{}])


class Loaded(BaseModel):
    """The model was loaded."""

    name: str
    load: Literal[True] = True


class Unloaded(BaseModel):
    """The model was unloaded."""

    name: str
    unload: Literal[True] = True
