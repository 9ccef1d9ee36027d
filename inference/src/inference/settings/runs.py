"""Settings of runs: queues, limits and plans."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from inference.settings.units import MIB

PLANS_EXAMPLE = '{"penguins": {"mode": "thread", "max_batch_rows": 64}}'


class PlanSetting(BaseModel):
    """The operator's changes to a measured plan; ``None`` keeps the measured value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["inline", "thread"] | None = None
    max_batch_rows: Annotated[int | None, Field(ge=1)] = None
    threads: Annotated[int | None, Field(ge=1)] = None


class Runs(BaseModel):
    """Queues, limits and plans."""

    max_queued: Annotated[
        int,
        Field(ge=1, description="Maximum number of requests that wait for a run, over all models."),
    ] = 1024
    max_queued_per_model: Annotated[
        int, Field(ge=1, description="Maximum number of requests that wait for a run of one model.")
    ] = 256
    deadline_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time limit for a request, from its arrival in the queue to the end "
            "of its run.",
        ),
    ] = 30
    run_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=86_400,
            description="Time limit for one run of a model.",
        ),
    ] = 30
    run_memory_bytes: Annotated[
        int,
        Field(
            ge=MIB,
            description="Limit on the memory that the runs of one version may use for "
            "tensors, in addition to the model's weights.",
        ),
    ] = 1024 * MIB
    max_output_bytes: Annotated[
        int,
        Field(
            ge=1024,
            description="Maximum size of the outputs of one run, as tensors. JSON takes about "
            "three times as much.",
        ),
    ] = 32 * MIB
    plans: Annotated[
        dict[str, PlanSetting],
        Field(
            description="Changes to measured plans, as JSON by model name; `*` stands for all "
            'models: `{"NAME": {"mode": "inline" or "thread", "max_batch_rows": N, "threads": N}}`.'
        ),
    ] = {}

    @field_validator("plans", mode="before")
    @classmethod
    def _read_json(cls, plans: Any) -> Any:
        if not isinstance(plans, str):
            return plans
        try:
            return json.loads(plans)
        except (ValueError, RecursionError):
            raise ValueError(f"it must be JSON such as {PLANS_EXAMPLE}") from None
