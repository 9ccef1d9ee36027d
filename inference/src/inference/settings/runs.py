"""How models are run: queues, deadlines, limits and plans."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

from inference.settings.units import MIB

PLANS_EXAMPLE = '{"penguins": {"mode": "thread", "max_batch_rows": 64}}'


class PlanSetting(BaseModel):
    """What the operator wants instead of the measured plan; ``None`` keeps the measured value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["inline", "thread"] | None = None
    max_batch_rows: Annotated[int | None, Field(ge=1)] = None
    threads: Annotated[int | None, Field(ge=1)] = None


class Runs(BaseModel):
    """Queues, deadlines, limits and plans."""

    max_queued: Annotated[
        int, Field(ge=1, description="Most requests that wait for a costly run, over all models.")
    ] = 1024
    max_queued_per_model: Annotated[
        int, Field(ge=1, description="Most requests that wait for a costly run of one model.")
    ] = 256
    deadline_seconds: Annotated[
        float, Field(gt=0, description="How long one request may wait for its run, run included.")
    ] = 30
    run_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=86_400,
            description="How long one run of a model may take before it is ended.",
        ),
    ] = 30
    run_memory_bytes: Annotated[
        int,
        Field(
            ge=MIB,
            description="Memory that the runs of one version may take for tensors, beside its "
            "weights.",
        ),
    ] = 1024 * MIB
    max_output_bytes: Annotated[
        int,
        Field(
            ge=1024,
            description="The largest outputs of one run, as tensors; as JSON they take some three "
            "times as much.",
        ),
    ] = 32 * MIB
    plans: Annotated[
        dict[str, PlanSetting],
        NoDecode,
        Field(
            description="Overrides of measured plans, as JSON by model, '*' for all: "
            '{"NAME": {"mode": "inline" or "thread", "max_batch_rows": N, "threads": N}}.'
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
            raise ValueError(f"it has to be JSON such as {PLANS_EXAMPLE}") from None
