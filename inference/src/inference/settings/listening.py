"""Settings of addresses and processes."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path  # noqa: TC003 - read at run time
from typing import TYPE_CHECKING, Annotated, Any

from inference.settings.declaration import UNSET, Before, Check, Declared, Field
from inference.settings.units import MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

# By setting, the variables that apply if the setting has none: Vertex AI's, and SageMaker's for
# endpoints of several containers.
_PLATFORMS = {
    "port": ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"),
    "predict_route": ("AIP_PREDICT_ROUTE",),
    "health_route": ("AIP_HEALTH_ROUTE",),
}
_ROUTE = re.compile(r"(?:/[A-Za-z0-9._~:@!$&'()*+,;=-]+)+/?")
_GRPC = ("grpc", "grpc_health", "grpc_reflection")
# The value that Kubernetes gives INFERENCE_PORT for a Service with the name "inference".
SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)


def _ignore_service_link(port: Any) -> Any:
    return UNSET if isinstance(port, str) and SERVICE_LINK.match(port) else port


def _check_route(route: str | None) -> str | None:
    if route is not None and _ROUTE.fullmatch(route) is None:
        raise ValueError("it must be a path such as /v1/endpoints/1/deployedModels/2:predict")
    return route and route.rstrip("/")


def _check_grpc(port: int | None) -> int | None:
    if port is not None and not all(map(find_spec, _GRPC)):
        raise ValueError("it requires the extra inference[grpc]")
    return port


def _check_host(host: str) -> str:
    host = host.strip()
    if not host:  # the system takes it for all addresses
        raise ValueError("it must be an address such as 127.0.0.1, or 0.0.0.0 for all of them")
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


class Listening(Declared):
    """Addresses and processes."""

    host: Annotated[str, Check(_check_host), Field(description="The address to listen on.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int,
        Before(_ignore_service_link),
        Field(
            ge=0,
            le=65535,
            description="The port to listen on. 0 selects a free port. If unset, `AIP_HTTP_PORT` "
            "of Vertex AI or `SAGEMAKER_BIND_TO_PORT` of SageMaker applies.",
        ),
    ] = 8000
    predict_route: Annotated[
        str | None,
        Check(_check_route),
        Field(
            description="A further path that answers like `/invocations`. If unset, "
            "`AIP_PREDICT_ROUTE` of Vertex AI applies."
        ),
    ] = None
    health_route: Annotated[
        str | None,
        Check(_check_route),
        Field(
            description="A further path that answers like `/ping`. If unset, `AIP_HEALTH_ROUTE` "
            "of Vertex AI applies."
        ),
    ] = None
    unix_socket: Annotated[
        Path | None,
        Field(
            description="Path of a Unix socket to listen on for HTTP, instead of address and "
            "port. Every user who can enter its folder can connect."
        ),
    ] = None
    grpc_port: Annotated[
        int | None,
        Before(_ignore_service_link),
        Check(_check_grpc),
        Field(
            ge=0,
            le=65535,
            description="The port of the Open Inference Protocol over gRPC. 0 selects a free "
            "port. If unset, gRPC is disabled. Requires the extra inference[grpc].",
        ),
    ] = None
    grpc_max_calls: Annotated[
        int,
        Field(ge=1, description="Maximum number of simultaneous gRPC calls, per worker process."),
    ] = 1024
    grpc_max_streams: Annotated[
        int,
        Field(
            ge=1,
            description="Maximum number of simultaneous gRPC streams and of messages that "
            "take longer than 0.1 s to arrive, per worker process. Each can hold "
            "INFERENCE_GRPC_MAX_MESSAGE_BYTES.",
        ),
    ] = 16
    grpc_max_message_bytes: Annotated[
        int,
        Field(
            ge=64 * 1024,
            description="Maximum size of a gRPC message, not above INFERENCE_MAX_BODY_BYTES. "
            "gRPC copies each message on the event loop, which takes about 15 ms for 8 MiB.",
        ),
    ] = 8 * MIB
    workers: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            description="Number of worker processes that share the port. 0 means one per "
            "available processor, at most 8.",
        ),
    ] = 1
    direct: Annotated[
        bool,
        Field(description="Answer small requests directly from the HTTP parser, without ASGI."),
    ] = True
    shutdown_seconds: Annotated[
        float,
        Field(gt=0, le=3600, description="How long a shutdown waits for running requests."),
    ] = 10
    drain_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="How long the service accepts connections after the stop signal while "
            "it reports not ready. Set it to the time that a load balancer needs to notice, "
            "about 5 on Kubernetes.",
        ),
    ] = 0
    heartbeat_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=86_400,
            description="How long a worker's event loop may be unresponsive before the worker "
            "is killed and replaced. 0 disables the check, for debuggers.",
        ),
    ] = 10

    @property
    def bracketed_host(self) -> str:
        """The address to listen on, as written in front of a colon and a port."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url_host(self) -> str:
        """The address for URLs that reach the address to listen on."""
        every = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
        return every.get(self.host, self.bracketed_host)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address to listen on."""
        if self.unix_socket is not None and self.grpc_port is None:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def platform_values(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values of settings that the variables of platforms give."""
    return {
        setting: value
        for setting, names in _PLATFORMS.items()
        if (value := next(filter(None, map(environment.get, names)), ""))
    }
