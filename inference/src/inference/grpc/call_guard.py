"""The checks of every gRPC call before its message is decoded: key, memory, message, rate.

On the wire, a call with one message and a call with many look the same. So calls with one message
are registered as if they sent many: then this module decides when to receive the message, which is
after the key was checked. Until then, gRPC receives no more than 64 KiB of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from inference.access.scopes import RequiredScope
from inference.errors import NotReadyError
from inference.grpc.call_tracing import CODES, read_request
from inference.oip.errors import describe_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from inference.access.authorizer import Authorizer
    from inference.access.body_budget import Bodies, Hold
    from inference.access.request_context import RequestContext
    from inference.grpc.call_tracing import CallTracing, Outcome
    from inference.grpc.message_reader import Reception

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
    Refusals: TypeAlias = Callable[[], contextlib.AbstractContextManager[None]]

_HELD_SECONDS = 0.05  # longer than a message is on its way

# A call that is not listed requires any key.
_SCOPES = {
    "ServerLive": RequiredScope.NONE,
    "ServerReady": RequiredScope.NONE,
    "Check": RequiredScope.NONE,
    "ModelInfer": RequiredScope.PREDICT,
    "ModelStreamInfer": RequiredScope.PREDICT,
    "RepositoryModelLoad": RequiredScope.ADMIN,
    "RepositoryModelUnload": RequiredScope.ADMIN,
}


class Calls:
    """Authorizes calls, receives their messages, and ends the remaining calls at shutdown.

    Args:
        authorizer: ``None`` disables authentication.
        bodies: Counts the bytes of messages.
        reception: Receives messages.
        tracing: Traces and logs calls.
    """

    def __init__(
        self,
        authorizer: Authorizer | None,
        bodies: Bodies,
        reception: Reception,
        tracing: CallTracing,
    ) -> None:
        self._tracing = tracing
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
        return self.inference(name, lambda data, _: call(data))

    def inference(
        self,
        name: str,
        call: Callable[[bytes, RequestContext], Awaitable[Any]],
        refusals: Refusals = contextlib.nullcontext,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Make such a handler whose call gets the request, too; see :meth:`stream`."""

        async def answer(_: Any, context: Context) -> Any:
            with self._tracing.call(name, context) as outcome:
                async with self._answering(context, outcome):
                    request, required = outcome.request, _required_scope(name)
                    with self._bodies.hold() as hold:
                        with refusals():
                            caller = request.authorize(self._authorizer, required)
                            with request.receiving(self._authorizer, caller, required):
                                data = await self._reception.receive(context)
                                hold.take(len(data))
                            request.charge(self._authorizer, caller, required)
                        return await call(data, request)

        return grpc.stream_unary_rpc_method_handler(answer, response_serializer=_serialize)

    def stream(
        self,
        name: str,
        call: Callable[[bytes, RequestContext, Callable[[], None]], Awaitable[tuple[Any, int]]],
        refusals: Refusals = contextlib.nullcontext,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Make the handler of a call with many messages and as many answers.

        Args:
            name: The call.
            call: Answers a message, which is a request of its own, and raises nothing. It returns
                the status of the answer, too. Its last argument admits the message, or raises why
                not.
            refusals: Makes a context in which a call is refused before ``call`` gets it.
        """

        async def answer(_: Any, context: Context) -> AsyncIterator[Any]:
            async with self._answering(context), contextlib.AsyncExitStack() as held:
                request, required = read_request(name, context), _required_scope(name)
                with refusals():
                    request.authorize(self._authorizer, required)
                    held.enter_context(self._reception.hold_permit())

                def admit(hold: Hold, data: bytes) -> None:
                    hold.take(len(data))
                    if self._authorizer is not None:
                        request.admit(self._authorizer, required)

                while (data := await self._next(context)) is not grpc.aio.EOF:
                    with self._bodies.hold() as hold:
                        admits = partial(admit, hold, data)
                        with self._tracing.message(request) as outcome:
                            made, outcome.status = await call(data, copy.copy(request), admits)
                        yield made

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
                with self._reception.hold_keyless_permit(), self._idling():
                    await call(data, context)

        return grpc.stream_stream_rpc_method_handler(answer, response_serializer=_serialize)

    def open_streams(
        self, call: Callable[[Any, Context], AsyncIterator[Any]], parse: Callable[[bytes], Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Make the handler of a call with many messages and answers, which needs no key."""

        async def answer(messages: Any, context: Context) -> AsyncIterator[Any]:
            async with self._answering(context):
                with self._reception.hold_keyless_permit(), self._idling():
                    async for message in call(messages, context):
                        yield message

        return grpc.stream_stream_rpc_method_handler(
            answer, request_deserializer=parse, response_serializer=_serialize
        )

    async def stop(self, shut: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Let running calls end within a time, and end the remaining ones.

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
    async def _answering(
        self, context: Context, outcome: Outcome | None = None
    ) -> AsyncIterator[None]:
        """Turn our errors into gRPC's, and a shutdown, too, and note the status of either."""
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
            if outcome is not None:
                outcome.status = NotReadyError.status
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the service is stopping: try again")
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            status, message = describe_error(error)
            if outcome is not None:
                outcome.status = status
            await context.abort(CODES.get(status, grpc.StatusCode.INTERNAL), message)
        finally:
            self._running.discard(task)
            self._idle.discard(task)

    def _refuse_when_stopping(self) -> None:
        if self._is_stopping:
            raise NotReadyError("the service is stopping: try again")

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


def _required_scope(name: str) -> RequiredScope:
    return _SCOPES.get(name, RequiredScope.ANY_KEY)


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("calls are answered in tasks")
    return task


def _serialize(message: Any) -> bytes:
    serialized: bytes = message.SerializeToString()
    return serialized
