"""The gRPC server beside the HTTP one: on the same loop, with health service and reflection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from inference.web.grpc import protocol_pb2 as pb
from inference.web.grpc.service import NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from inference.repository.repository import Repository
    from inference.settings import Settings
    from inference.web.grpc.service import InferenceService

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 5
_SERVED = ("", NAME)


@contextlib.asynccontextmanager
async def serving(
    service: InferenceService, repository: Repository, settings: Settings
) -> AsyncIterator[int]:
    """Serve gRPC for as long as the context is open; gives the port that it listens on.

    Raises:
        RuntimeError: The port cannot be had.
    """
    several = settings.workers != 1  # then each of them listens on the same port
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", settings.max_body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", settings.max_header_bytes),
            ("grpc.so_reuseport", int(several)),
        ]
    )
    server.add_generic_rpc_handlers((service.handlers(),))
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    _reflect(server)
    listening = server.add_insecure_port(f"{settings.host}:{settings.grpc_port}")
    await server.start()
    logger.info("gRPC running on %s:%d", settings.host, listening)
    watch = asyncio.create_task(_tell_health(servicer, repository))
    try:
        yield listening
    finally:
        watch.cancel()
        await servicer.enter_graceful_shutdown()
        await server.stop(_GRACE_SECONDS)


async def _tell_health(servicer: health.aio.HealthServicer, repository: Repository) -> None:
    """Say "not serving" until the models found at the start have been examined."""
    states = health_pb2.HealthCheckResponse
    for name in _SERVED:
        await servicer.set(name, states.NOT_SERVING)
    await repository.wait_until(lambda snapshot: snapshot.complete)
    for name in _SERVED:
        await servicer.set(name, states.SERVING)


def _reflect(server: grpc.aio.Server) -> None:
    # Our messages have a pool of their own; the health service's are in everybody's.
    pool = descriptor_pool.DescriptorPool()
    for file in (pb.DESCRIPTOR, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(file.serialized_pb)
    names = (NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server, pool=pool)
