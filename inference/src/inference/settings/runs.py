"""Settings of runs: queues, limits and plans."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from inference.settings.declaration import (
    Before,
    Check,
    Declared,
    Field,
    InvalidSettingsError,
    PartError,
)
from inference.settings.explanation import PLANS_EXAMPLE, right_values, show
from inference.settings.units import MIB


class PlanSetting(Declared):
    """The operator's changes to a measured plan; ``None`` keeps the measured value."""

    mode: Literal["inline", "thread"] | None = None
    max_batch_rows: Annotated[int | None, Field(ge=1)] = None
    threads: Annotated[int | None, Field(ge=1)] = None


def _read_json(plans: Any) -> Any:
    if not isinstance(plans, str):
        return plans
    try:
        return json.loads(plans)
    except (ValueError, RecursionError):
        raise ValueError(f"it must be JSON such as {PLANS_EXAMPLE}") from None


def _read_plans(plans: dict[str, Any]) -> dict[str, PlanSetting]:
    return {model: _read_plan(model, plan) for model, plan in plans.items()}


def _read_plan(model: str, plan: Any) -> PlanSetting:
    if isinstance(plan, PlanSetting):
        return plan
    if not isinstance(plan, dict):
        example = json.dumps({model: {"mode": "thread"}}, ensure_ascii=False)
        raise PartError(
            f"the plan of '{model}' is {show(plan)}: it must be an object, as in {example}"
        )
    *most, last = known = PlanSetting.fields
    for name in plan:
        if name not in known:
            raise PartError(
                f"the plan of '{model}' has no '{name}', only {', '.join(most)} and {last}"
            )
    try:
        return PlanSetting(**plan)
    except InvalidSettingsError as error:
        wrong = [
            f"{setting.name} of '{model}' is {show(value)}: {str(reason) or right_values(setting)}"
            for setting, value, reason in error.faults
            if setting is not None
        ]
        raise PartError("; ".join(wrong)) from None


class Runs(Declared):
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
        Before(_read_json),
        Check(_read_plans),
        Field(
            description="Changes to measured plans, as JSON by model name; `*` stands for all "
            'models: `{"NAME": {"mode": "inline" or "thread", "max_batch_rows": N, "threads": N}}`.'
        ),
    ] = {}  # noqa: RUF012 - never changed
