"""Where the service listens, and how its processes start, live and stop."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from inference.settings.units import MIB

_GRPC = ("grpc", "grpc_health", "grpc_reflection")
# What Kubernetes puts into INFERENCE_PORT where a Service is called "inference".
SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)


class Listening(BaseModel):
    """Addresses, processes, their start and their end."""

    host: Annotated[str, Field(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Field(ge=0, le=65535, description="The port to listen on; 0 takes any.")
    ] = 8000
    unix_socket: Annotated[
        Path | None,
        Field(
            description="The path of a Unix socket to listen on for HTTP, in place of address and "
            "port. Whoever may enter its folder may connect."
        ),
    ] = None
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
            "in each worker process; each may hold INFERENCE_GRPC_MAX_MESSAGE_BYTES.",
        ),
    ] = 16
    grpc_max_message_bytes: Annotated[
        int,
        Field(
            ge=64 * 1024,
            description="The largest message over gRPC, which copies each as a whole on the event "
            "loop: 8 MiB take some 15 ms. No more than INFERENCE_MAX_BODY_BYTES.",
        ),
    ] = 8 * MIB
    workers: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            description="Worker processes on one port; 0: one per processor granted, at most 8.",
        ),
    ] = 1
    direct: Annotated[
        bool, Field(description="Answer small requests straight from the HTTP parser.")
    ] = True
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

    @field_validator("port", "grpc_port", mode="before")
    @classmethod
    def _ignore_service_link(cls, port: Any, info: ValidationInfo) -> Any:
        if isinstance(port, str) and SERVICE_LINK.match(port):
            return cls.model_fields[info.field_name or "port"].default
        return port

    @field_validator("grpc_port")
    @classmethod
    def _need_grpc(cls, port: int | None) -> int | None:
        if port is not None and not all(map(find_spec, _GRPC)):
            raise ValueError("it needs the extra: install inference[grpc]")
        return port

    @field_validator("host")
    @classmethod
    def _strip_brackets(cls, host: str) -> str:
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    @property
    def bracketed_host(self) -> str:
        """The address to listen on, as it stands before a colon and a port."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url_host(self) -> str:
        """The address to call, and to show, for the address to listen on."""
        every = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
        return every.get(self.host, self.bracketed_host)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the address to listen on."""
        if self.unix_socket is not None and self.grpc_port is None:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
