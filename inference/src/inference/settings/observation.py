"""Settings of log, metrics and traces, and of the comparison with the training data."""

from __future__ import annotations

from typing import Annotated, Literal

from inference.settings.declaration import Declared, Field


class Observation(Declared):
    """Log, metrics and traces."""

    metric_aliases: Annotated[
        bool,
        Field(
            description="Also export metrics under the names that Triton's and KServe's "
            "dashboards use."
        ),
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="The minimum level that is logged: debug, info, warning or error."),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Field(description="text for people, json for programs (one object per line)."),
    ] = "text"
    log_requests: Annotated[
        bool,
        Field(
            description="Log every answered request, not only those that are denied or fail. The "
            "lines are written up to 50 ms later; if the log is read too slowly, lines are dropped "
            "and counted."
        ),
    ] = False
    log_lines_per_second: Annotated[
        float,
        Field(
            ge=0,
            le=1_000_000,
            description="Maximum rate of log lines of the same kind, such as refused "
            "requests, per process. The number of omitted lines is logged. 0 disables the "
            "limit.",
        ),
    ] = 10
    log_values: Annotated[
        bool,
        Field(
            description="Also log the messages of unexpected exceptions, which can contain "
            "feature values."
        ),
    ] = False
    tracing: Annotated[
        bool,
        Field(
            description="Trace requests with OpenTelemetry, and send the spans to a collector. "
            "OpenTelemetry's standard variables say where and which, such as "
            "`OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_TRACES_SAMPLER`. Requires the extra "
            "inference[tracing]."
        ),
    ] = False
    page_streams: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            description="How many open pages one worker keeps up to date. Others show what they "
            "were loaded with, and try again. 0 disables it.",
        ),
    ] = 64


class Drift(Declared):
    """Drift."""

    drift: Annotated[
        bool,
        Field(
            description="Compare served values and answers with those of the training data: "
            "GET /models/NAME/drift, the metrics and the page of a model show the difference."
        ),
    ] = True
    drift_rows: Annotated[
        int,
        Field(
            ge=1_000,
            le=10_000_000,
            description="How many of the latest rows of a version the comparison is made over, at "
            "most.",
        ),
    ] = 100_000
    drift_min_rows: Annotated[
        int,
        Field(
            ge=0,
            le=10_000_000,
            description="So many of the latest rows are compared even if they are older than "
            "INFERENCE_DRIFT_SECONDS; at most INFERENCE_DRIFT_ROWS.",
        ),
    ] = 1_000
    drift_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=31_536_000,
            description="Older rows are not compared, unless there are too few later ones.",
        ),
    ] = 86_400
