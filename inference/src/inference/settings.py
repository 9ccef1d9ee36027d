"""The service's settings, all from environment variables that begin with ``INFERENCE_``.

Every field is one setting; its description is the reference (docs/reference/settings.md is made
from it). A bad value stops the start: nothing is skipped or guessed.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1024 * 1024
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_.-]+|\[?[0-9a-f:.]+\]?")
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/?#\s]+")
_GRPC = ("grpc", "grpc_health", "grpc_reflection")


class PlanSetting(BaseModel):
    """What the operator wants otherwise than the measured plan; ``None`` leaves the choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["inline", "thread"] | None = None
    max_batch_rows: Annotated[int | None, Field(ge=1)] = None
    threads: Annotated[int | None, Field(ge=1)] = None


class Settings(BaseSettings):
    """What the operator can choose. Immutable once read."""

    model_config = SettingsConfigDict(env_prefix="INFERENCE_", frozen=True, extra="ignore")

    models_dir: Annotated[Path, Field(description="The models folder; read, never written.")] = (
        Path("models")
    )
    state_dir: Annotated[
        Path, Field(description="Where selection, pins and unloads are kept; created when missing.")
    ] = Path(".state")
    host: Annotated[str, Field(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Field(ge=0, le=65535, description="The port to listen on; 0 takes any.")
    ] = 8000
    grpc_port: Annotated[
        int | None,
        Field(
            ge=0,
            le=65535,
            description="The port of the Open Inference Protocol over gRPC, 0 takes any; unset for "
            "none. Needs the extra inference[grpc].",
        ),
    ] = None
    grpc_max_calls: Annotated[
        int, Field(ge=1, description="Most gRPC calls at a time, in each worker process.")
    ] = 1024
    grpc_max_streams: Annotated[
        int,
        Field(
            ge=1,
            description="Most gRPC streams, and messages that take over 0.1 s to come, at a time "
            "in each worker process; each may hold INFERENCE_MAX_BODY_BYTES.",
        ),
    ] = 16
    workers: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            description="Worker processes on one port; 0: one per processor granted, at most 8.",
        ),
    ] = 1
    shutdown_seconds: Annotated[
        float,
        Field(gt=0, le=3600, description="How long a shutdown waits for requests under way."),
    ] = 10
    drain_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="How long the service goes on accepting connections after the signal to "
            "stop, already unready: as long as balancers take to notice, on Kubernetes 5 or so.",
        ),
    ] = 0
    heartbeat_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=86_400,
            description="How long a worker's event loop may show no sign of life before the worker "
            "is killed and replaced; 0 never does, for debuggers.",
        ),
    ] = 10
    keep_versions: Annotated[
        int,
        Field(
            ge=1, description="Versions kept loaded per model, the highest first; a pin adds one."
        ),
    ] = 2
    rescan_seconds: Annotated[
        float,
        Field(
            ge=0.05,
            le=86_400,
            description="How often the folder is scanned even when no event came.",
        ),
    ] = 5
    force_polling: Annotated[
        bool,
        Field(
            description="Poll for changes: for folders without file events (NFS, Docker Desktop)."
        ),
    ] = False
    vanished_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=86_400,
            description="How long models go on answering whose files vanish all at once: more than "
            "half of the folder's models, and two or more. 0 ends them at once.",
        ),
    ] = 60
    settle_ms: Annotated[
        int,
        Field(
            ge=0, description="How long a file must have stayed unchanged before it is examined."
        ),
    ] = 200
    admission_timeout_seconds: Annotated[
        float,
        Field(gt=0, le=86_400, description="How long the examination of one file may take."),
    ] = 30
    admission_memory_bytes: Annotated[
        int,
        Field(ge=256 * MIB, description="Address space that the examination of one file may take."),
    ] = 4096 * MIB
    max_model_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="The largest model file; 0: a quarter of the memory granted to the "
            "service, at most 2 GiB.",
        ),
    ] = 0
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
    api_keys_file: Annotated[
        Path | None,
        Field(
            description="The file of API keys, read again when it changes; 'inference key NAME' "
            "makes one. Without it everybody may do everything."
        ),
    ] = None
    allow_anonymous: Annotated[
        bool,
        Field(
            description="Accept that there are no API keys although other machines reach the "
            "address to listen on."
        ),
    ] = False
    allowed_hosts: Annotated[
        tuple[str, ...] | None,
        NoDecode,
        Field(
            description="Names that requests may give in `Host`, separated by commas, beside "
            "addresses, localhost and names without a dot: `models.example.com`, "
            "`*.example.com`, `*`. Unset, every name is answered, except without keys on a "
            "loopback address."
        ),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(
            description="Origins whose web pages may ask and read answers, separated by commas: "
            "`https://app.example.com`, or `*` for all."
        ),
    ] = ()
    rate_limit: Annotated[
        float,
        Field(
            ge=0,
            le=1_000_000,
            description="Requests per second that one API key may make, over all workers; 0 sets "
            "no limit.",
        ),
    ] = 0
    rate_burst: Annotated[
        int, Field(ge=1, description="Requests that a key may make at once before its rate counts.")
    ] = 100
    api_key: Annotated[
        SecretStr | None,
        Field(description="The key that 'inference models' shows to the running service."),
    ] = None
    trusted_keys_file: Annotated[
        Path | None,
        Field(
            description="The file of public keys, one of which must have signed a model, read "
            "again when it changes; 'exporter keygen' makes them. Needs the extra "
            "inference[signing]."
        ),
    ] = None
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
        Field(
            description="Overrides of measured plans, as JSON by model, '*' for all: "
            '{"NAME": {"mode": "inline" or "thread", "max_batch_rows": N, "threads": N}}.'
        ),
    ] = {}
    direct: Annotated[
        bool, Field(description="Answer small requests straight from the HTTP parser.")
    ] = True
    metric_aliases: Annotated[
        bool,
        Field(description="Give metrics under the names of Triton's and KServe's dashboards, too."),
    ] = False
    log_level: Annotated[
        str,
        Field(pattern="^(debug|info|warning|error)$", description="debug, info, warning or error."),
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

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.lower().split(",") if part.strip())
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _need_names(cls, hosts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for host in hosts or ():
            if not _HOST.fullmatch(host):
                raise ValueError(f"'{host}' is no name: give it like models.example.com, no port")
        return hosts

    @field_validator("cors_origins")
    @classmethod
    def _need_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"'{origin}' is no origin: give scheme, host and port like "
                    "https://app.example.com:8443, without a path"
                )
        return origins

    @field_validator("grpc_port")
    @classmethod
    def _need_grpc(cls, port: int | None) -> int | None:
        if port is not None and not all(map(find_spec, _GRPC)):
            raise ValueError("it needs the extra: install inference[grpc]")
        return port

    @model_validator(mode="after")
    def _leave_room(self) -> Self:
        if self.bodies_bytes < 2 * self.max_body_bytes:
            raise ValueError(
                "INFERENCE_MAX_BODIES_BYTES is at least twice INFERENCE_MAX_BODY_BYTES, or the "
                "largest body would never find room"
            )
        return self

    @property
    def bodies_bytes(self) -> int:
        """The most bytes of all bodies together."""
        return self.max_bodies_bytes or 4 * self.max_body_bytes

    @property
    def url_host(self) -> str:
        """The address to call, and to show, for the address to listen on."""
        return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine reaches the address to listen on."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
