"""What every gRPC call passes before its message is decoded: key, room, message, rate.

A call's kind is the same on the wire whether one message is sent or many, so calls with one message
are registered as if they sent many: gRPC then leaves it to us when the message is received, which
is after the key was looked at. Until then it takes in no more than 64 KiB of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from inference.access.authorizer import log_denied
from inference.access.scopes import RequiredScope
from inference.errors import ClientError, NotReadyError
from inference.oip.errors import describe_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from inference.access.api_key import Caller
    from inference.access.authorizer import Authorizer
    from inference.access.body_budget import Bodies, Hold
    from inference.grpc.message_reader import Reception

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_HELD_SECONDS = 0.05  # longer than a message is on its way

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
# What a call needs that is not listed: any key.
_NEEDS = {
    "ServerLive": RequiredScope.NONE,
    "ServerReady": RequiredScope.NONE,
    "Check": RequiredScope.NONE,
    "ModelInfer": RequiredScope.PREDICT,
    "ModelStreamInfer": RequiredScope.PREDICT,
    "RepositoryModelLoad": RequiredScope.ADMIN,
    "RepositoryModelUnload": RequiredScope.ADMIN,
}


class Calls:
    """Lets calls in, receives their messages, and ends what is left at shutdown.

    Args:
        authorizer: Asked before each call; ``None`` lets everybody in.
        bodies: Counts the bytes of messages.
        reception: Receives messages.
    """

    def __init__(self, authorizer: Authorizer | None, bodies: Bodies, reception: Reception) -> None:
        self._authorizer = authorizer
        self._bodies = bodies
        self._reception = reception
        self._running: set[asyncio.Task[Any]] = set()
        self._idle: set[asyncio.Task[Any]] = set()
        self._is_stopping = self._is_over = False
        self._released: asyncio.Event | None = None

    def unary(
        self, name: str, call: Callable[[bytes], Awaitable[Any]]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Make the handler of a call with one message and one answer.

        Args:
            name: The call.
            call: Answers the message.
        """

        async def answer(_: Any, context: Context) -> Any:
            async with self._answering(context):
                caller = self._authorize(name, context)
                with self._bodies.hold() as hold:
                    data = await self._reception.receive(context)
                    hold.take(len(data))
                    self._charge(name, caller)
                    return await call(data)

        return grpc.stream_unary_rpc_method_handler(answer, response_serializer=_serialize)

    def stream(
        self, name: str, call: Callable[[bytes, Callable[[], None]], Awaitable[Any]]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Make the handler of a call with many messages and as many answers.

        Args:
            name: The call.
            call: Answers a message, whatever is wrong; is given what lets it in, or raises why not.
        """

        async def answer(_: Any, context: Context) -> AsyncIterator[Any]:
            async with self._answering(context):
                self._authorize(name, context)
                with self._reception.place():
                    while (data := await self._next(context)) is not grpc.aio.EOF:
                        with self._bodies.hold() as hold:
                            yield await call(data, partial(self._let_in, name, context, hold, data))

        return grpc.stream_stream_rpc_method_handler(answer, response_serializer=_serialize)

    def open_stream(
        self, call: Callable[[bytes, Context], Awaitable[None]]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Make the handler of a call with one message and many answers, which needs no key.

        Args:
            call: Writes the answers, and need not end.
        """

        async def answer(_: Any, context: Context) -> None:
            async with self._answering(context):
                data = await self._reception.receive(context)
                with self._reception.open_place(), self._idling():
                    await call(data, context)

        return grpc.stream_stream_rpc_method_handler(answer, response_serializer=_serialize)

    def open_streams(
        self, call: Callable[[Any, Context], AsyncIterator[Any]], parse: Callable[[bytes], Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Make the handler of a call with many messages and answers, which needs no key."""

        async def answer(messages: Any, context: Context) -> AsyncIterator[Any]:
            async with self._answering(context):
                with self._reception.open_place(), self._idling():
                    async for message in call(messages, context):
                        yield message

        return grpc.stream_stream_rpc_method_handler(
            answer, request_deserializer=parse, response_serializer=_serialize
        )

    async def stop(self, shut: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Let what has come be answered for so long, and end what is left.

        A call that reaches gRPC after it was shut is canceled there, which clients take for an
        error. So answers are held back for a moment: who waits for one sends nothing else, and
        learns with the answer that this connection is not for further calls.

        Args:
            shut: Tells clients to go elsewhere, and waits for the calls that run.
            seconds: How long those may take. What is ended gets UNAVAILABLE.
        """
        released = asyncio.Event()
        self._released = released
        await asyncio.sleep(_HELD_SECONDS)
        shutting = asyncio.ensure_future(shut())
        await asyncio.sleep(_HELD_SECONDS)
        self._is_stopping = True
        released.set()
        for task in list(self._idle):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._is_over = True
        for task in list(self._running):
            task.cancel()
        await shutting

    @contextlib.asynccontextmanager
    async def _answering(self, context: Context) -> AsyncIterator[None]:
        """Turn our errors into gRPC's, and a shutdown, too."""
        task = _this_task()
        self._running.add(task)
        try:
            if self._released is not None:
                await self._released.wait()
            yield
        except asyncio.CancelledError:
            if not (self._is_over or (self._is_stopping and task in self._idle)):
                raise  # the client has left
            task.uncancel()
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the service is stopping: try again")
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            status, message = describe_error(error)
            await context.abort(_CODES.get(status, grpc.StatusCode.INTERNAL), message)
        finally:
            self._running.discard(task)
            self._idle.discard(task)

    def _refuse_when_stopping(self) -> None:
        if self._is_stopping:
            raise NotReadyError("the service is stopping: try again")

    def _authorize(self, name: str, context: Context) -> Caller | None:
        if self._authorizer is None:
            return None
        metadata = [
            (key.encode(), value if isinstance(value, bytes) else value.encode())
            for key, value in context.invocation_metadata() or ()
        ]
        try:
            return self._authorizer.authorize(metadata, _NEEDS.get(name, RequiredScope.ANY_KEY))
        except ClientError as error:
            log_denied(f"gRPC {name}", error)
            raise

    def _charge(self, name: str, caller: Caller | None) -> None:
        if self._authorizer is None:
            return
        try:
            self._authorizer.charge(caller, _NEEDS.get(name, RequiredScope.ANY_KEY))
        except ClientError as error:
            log_denied(f"gRPC {name}", error)
            raise

    def _let_in(self, name: str, context: Context, hold: Hold, data: bytes) -> None:
        hold.take(len(data))
        self._charge(name, self._authorize(name, context))

    @contextlib.contextmanager
    def _idling(self) -> Iterator[None]:
        """Let the call be ended at once when the service stops."""
        self._idle.add(_this_task())
        yield

    async def _next(self, context: Context) -> Any:
        """Wait for a stream's next message, or for its end."""
        self._refuse_when_stopping()
        task = _this_task()
        self._idle.add(task)
        message = await self._reception.receive_next(context)
        self._idle.discard(task)
        return message


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("calls are answered in tasks")
    return task


def _serialize(message: Any) -> bytes:
    serialized: bytes = message.SerializeToString()
    return serialized
