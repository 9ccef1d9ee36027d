"""What the service says about itself: log and metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Observation(BaseModel):
    """Log and metrics."""

    metric_aliases: Annotated[
        bool,
        Field(description="Give metrics under the names of Triton's and KServe's dashboards, too."),
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="debug, info, warning or error: the least that is logged."),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Field(description="text for people, json for machines: one object a line."),
    ] = "text"
    log_requests: Annotated[
        bool, Field(description="Log every request, not only what is denied or fails.")
    ] = False
    log_lines_per_second: Annotated[
        float,
        Field(
            ge=0,
            le=1_000_000,
            description="Lines of the same kind that each process logs per second, such as refused "
            "requests; how many were left out is logged. 0 sets no limit.",
        ),
    ] = 10
    log_values: Annotated[
        bool,
        Field(
            description="Log the messages of unexpected failures, too, which may hold features' "
            "values."
        ),
    ] = False
