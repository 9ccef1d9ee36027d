"""The gRPC server beside the HTTP one: on the same loop, with health service and reflection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from inference.errors import NotFoundError, TooLargeError
from inference.grpc import protocol_pb2 as pb
from inference.grpc.messages import parse_message
from inference.grpc.service import NAME
from inference.logs import fields

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from inference.grpc.call_guard import Calls
    from inference.grpc.service import InferenceService
    from inference.serving.readiness import Readiness
    from inference.settings import Settings

logger = logging.getLogger(__name__)

_MARGIN_SECONDS = 2  # after which gRPC itself ends what is left, as canceled
_STREAMS_PER_CONNECTION = 128
_OPEN_BYTES = 4096
_LOOK_SECONDS = 1.0
_STATES = health_pb2.HealthCheckResponse
_SERVED = ("", NAME)


@contextlib.asynccontextmanager
async def serving(
    service: InferenceService, calls: Calls, readiness: Readiness, settings: Settings
) -> AsyncIterator[int]:
    """Serve gRPC while the context is open. Yields the port.

    Raises:
        RuntimeError: The port cannot be bound.
    """
    age_ms = int(settings.max_connection_seconds * 1000)  # gRPC varies it by 10 %, too
    several = settings.workers != 1  # then each of them listens on the same port
    server = grpc.aio.server(
        maximum_concurrent_rpcs=settings.grpc_max_calls,
        options=[
            ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
            (
                "grpc.max_receive_message_length",
                min(settings.grpc_max_message_bytes, settings.max_body_bytes),
            ),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", settings.max_header_bytes),
            ("grpc.so_reuseport", int(several)),
            *([("grpc.max_connection_age_ms", max(1, age_ms))] if age_ms else []),
        ],
    )
    servicer = health.aio.HealthServicer()
    status = _Status(servicer, readiness)
    server.add_generic_rpc_handlers(
        (service.handlers(calls), _health(calls, status), _reflection(calls))
    )
    listening = server.add_insecure_port(f"{settings.bracketed_host}:{settings.grpc_port}")
    await server.start()
    extra = fields("grpc", port=listening)
    logger.info("gRPC running on %s:%d", settings.bracketed_host, listening, extra=extra)
    watch = asyncio.create_task(status.follow())
    try:
        yield listening
    finally:
        watch.cancel()
        await status.note(_STATES.NOT_SERVING)
        seconds = settings.shutdown_seconds
        await calls.stop(partial(server.stop, seconds + _MARGIN_SECONDS), seconds)


class _Status:
    """Whether the service serves, for those who ask and for those who watch.

    Args:
        servicer: Tells those who watch.
        readiness: What ``/readyz`` says.
    """

    def __init__(self, servicer: health.aio.HealthServicer, readiness: Readiness) -> None:
        self._servicer = servicer
        self._readiness = readiness
        self._noted: Any = None

    @property
    def _current(self) -> Any:
        is_ready = self._readiness.state == "ready"
        return _STATES.SERVING if is_ready else _STATES.NOT_SERVING

    async def follow(self) -> None:
        """Tell those who watch, once a second."""
        while True:
            await self.note(self._current)
            await asyncio.sleep(_LOOK_SECONDS)

    async def note(self, state: Any) -> None:
        if state != self._noted:
            self._noted = state
            for name in _SERVED:
                await self._servicer.set(name, state)

    async def check(self, data: bytes) -> health_pb2.HealthCheckResponse:
        name = _parse(health_pb2.HealthCheckRequest, data).service
        if name not in _SERVED:
            raise NotFoundError(f"there is no service '{name[:80]}': {NAME} is one")
        return health_pb2.HealthCheckResponse(status=self._current)

    async def watch(self, data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await self._servicer.Watch(_parse(health_pb2.HealthCheckRequest, data), context)


def _health(calls: Calls, status: _Status) -> grpc.GenericRpcHandler:
    methods = {
        "Check": calls.unary("Check", status.check),
        "Watch": calls.open_stream(status.watch),
    }
    return grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods)


def _reflection(calls: Calls) -> grpc.GenericRpcHandler:
    # Our messages have their own pool; the health service's are in the default pool.
    pool = descriptor_pool.DescriptorPool()
    for file in (pb.DESCRIPTOR, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(file.serialized_pb)
    names = (NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(names, pool=pool)
    parse = reflection_pb2.ServerReflectionRequest.FromString
    methods = {"ServerReflectionInfo": calls.open_streams(servicer.ServerReflectionInfo, parse)}
    return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, methods)


def _parse(kind: Any, data: bytes) -> Any:
    if len(data) > _OPEN_BYTES:
        raise TooLargeError(f"the message is over the limit of {_OPEN_BYTES:,} bytes")
    return parse_message(kind, data)
