"""Limits on requests and connections."""

from __future__ import annotations

from typing import Annotated

from inference.settings.declaration import Declared, Field
from inference.settings.units import MIB


class Requests(Declared):
    """Requests and connections."""

    max_body_bytes: Annotated[int, Field(ge=1, description="Maximum size of a request body.")] = (
        64 * MIB
    )
    max_bodies_bytes: Annotated[
        int | None,
        Field(
            ge=1,
            description="Maximum size of all request bodies together, decompressed, per "
            "worker process. A body that exceeds what is left is refused. If unset, four "
            "times INFERENCE_MAX_BODY_BYTES.",
        ),
    ] = None
    max_inflation: Annotated[
        int,
        Field(
            ge=1,
            description="Maximum ratio of a body's decompressed to its compressed size. "
            "Bodies of up to 1 MiB are always accepted.",
        ),
    ] = 100
    max_control_bytes: Annotated[
        int,
        Field(ge=1, description="Maximum size of the body of a request other than a prediction."),
    ] = 64 * 1024
    max_rows: Annotated[int, Field(ge=1, description="Maximum number of rows in one request.")] = (
        100_000
    )
    max_explained_rows: Annotated[
        int,
        Field(
            ge=1,
            description="Maximum number of rows in one request for explanations. Each row may take "
            "65,536 rows of the model.",
        ),
    ] = 100
    max_row_bytes: Annotated[
        int,
        Field(
            ge=128 * 1024,
            description="Maximum size of a row or record in JSON. 64 bytes per feature are "
            "always accepted.",
        ),
    ] = MIB
    max_strings: Annotated[
        int,
        Field(
            ge=1,
            description="Maximum number of strings in one request: values of string features, "
            "or elements of a BYTES tensor.",
        ),
    ] = 1_000_000
    max_header_bytes: Annotated[
        int,
        Field(ge=1024, description="Maximum size of the request line and headers."),
    ] = 32 * 1024
    max_header_lines: Annotated[
        int,
        Field(ge=16, description="Maximum number of headers, and of trailers."),
    ] = 128
    head_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=3600,
            description="How long a client may take to send the request line and headers.",
        ),
    ] = 10
    body_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=86_400,
            description="How long a client may take to send a request body, and to start "
            "reading an answer.",
        ),
    ] = 60
    keep_alive_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=86_400,
            description="How long a connection may be idle between two requests. Answers "
            "state this time, and the service waits 2 s longer. Set it above the idle timeout "
            "of a proxy in front (nginx: 60).",
        ),
    ] = 75
    max_connection_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=2_000_000,
            description="The age, ±10 % at random, at which a connection is closed after its "
            "next answer, over HTTP and gRPC, so that clients connect to new replicas. 0 "
            "disables the limit.",
        ),
    ] = 0
    max_connections: Annotated[
        int,
        Field(ge=1, description="Maximum number of simultaneous connections, per worker process."),
    ] = 4096
    max_connections_per_address: Annotated[
        int | None,
        Field(
            ge=0,
            description="Maximum number of simultaneous connections from one client address "
            "(for IPv6, from one /64 network), per worker process. 0 disables the limit. If "
            "unset, three quarters of INFERENCE_MAX_CONNECTIONS.",
        ),
    ] = None
    linger_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="After a refused request, how long further input is read and "
            "discarded, so that the client receives the answer instead of a connection reset.",
        ),
    ] = 10
    linger_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="After a refused request, how many bytes of further input are read "
            "and discarded.",
        ),
    ] = 256 * MIB

    def check(self) -> None:
        """Check that the largest body is accepted.

        Raises:
            ValueError: It is not.
        """
        super().check()
        if self.bodies_bytes < 2 * self.max_body_bytes:
            raise ValueError(
                "INFERENCE_MAX_BODIES_BYTES must be at least twice INFERENCE_MAX_BODY_BYTES, or "
                "the largest body would never be accepted"
            )

    @property
    def bodies_bytes(self) -> int:
        """The maximum size of all bodies together."""
        return self.max_bodies_bytes or 4 * self.max_body_bytes
