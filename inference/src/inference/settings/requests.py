"""Limits on requests and connections."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from inference.settings.units import MIB


class Requests(BaseModel):
    """Bodies, heads, rows and connections."""

    max_body_bytes: Annotated[int, Field(ge=1, description="The largest request body.")] = 64 * MIB
    max_bodies_bytes: Annotated[
        int | None,
        Field(
            ge=1,
            description="The most bytes of all bodies of requests under way, also when they are "
            "decompressed, in each worker process; no body may be larger than what is free. Unset: "
            "four times INFERENCE_MAX_BODY_BYTES.",
        ),
    ] = None
    max_inflation: Annotated[
        int,
        Field(
            ge=1,
            description="How many times larger a body may become when it is decompressed; up to "
            "1 MiB is always taken.",
        ),
    ] = 100
    max_control_bytes: Annotated[
        int,
        Field(ge=1, description="The largest body of a request that is not for a prediction."),
    ] = 64 * 1024
    max_rows: Annotated[int, Field(ge=1, description="The most rows in one request.")] = 100_000
    max_row_bytes: Annotated[
        int,
        Field(
            ge=128 * 1024,
            description="The longest row or record in JSON; 64 bytes for each feature are always "
            "enough.",
        ),
    ] = MIB
    max_strings: Annotated[
        int,
        Field(
            ge=1,
            description="The most strings in one request: values of string features, or elements "
            "of a BYTES tensor.",
        ),
    ] = 1_000_000
    max_header_bytes: Annotated[
        int,
        Field(ge=1024, description="The largest head of a request: request line and headers."),
    ] = 32 * 1024
    max_header_lines: Annotated[
        int,
        Field(
            ge=16, description="Most headers of a request; trailers behind a body are as limited."
        ),
    ] = 128
    head_seconds: Annotated[
        float,
        Field(gt=0, le=3600, description="How long a client may take to send a request's head."),
    ] = 10
    body_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=86_400,
            description="How long a client may take to send a request's body, and to begin to read "
            "an answer that waits.",
        ),
    ] = 60
    keep_alive_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=86_400,
            description="How long a connection may be idle between two requests. Answers say so, "
            "and the service waits 2 s longer. More than a proxy in front keeps its own, which is "
            "60 with nginx.",
        ),
    ] = 75
    max_connection_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=2_000_000,
            description="Age after which a connection is closed behind its next answer, over HTTP "
            "and gRPC, 10 % more or less by chance, so that clients spread over new replicas. 0 "
            "sets no limit.",
        ),
    ] = 0
    max_connections: Annotated[
        int, Field(ge=1, description="Most connections at a time, in each worker process.")
    ] = 4096
    max_connections_per_address: Annotated[
        int | None,
        Field(
            ge=0,
            description="Most connections at a time from one client address (of IPv6 from one /64 "
            "network), in each worker process; 0 sets no limit. Unset: three quarters of "
            "INFERENCE_MAX_CONNECTIONS, which leaves a single proxy room and others, too.",
        ),
    ] = None
    linger_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="How long what a client still sends is read and dropped after it was "
            "refused, so that it sees the answer and no reset.",
        ),
    ] = 10
    linger_bytes: Annotated[
        int, Field(ge=0, description="How many bytes of it are read and dropped.")
    ] = 256 * MIB

    @model_validator(mode="after")
    def _leave_room(self) -> Self:
        if self.bodies_bytes < 2 * self.max_body_bytes:
            raise ValueError(
                "INFERENCE_MAX_BODIES_BYTES has to be at least twice INFERENCE_MAX_BODY_BYTES, or "
                "the largest body would never find room"
            )
        return self

    @property
    def bodies_bytes(self) -> int:
        """The most bytes of all bodies together."""
        return self.max_bodies_bytes or 4 * self.max_body_bytes
