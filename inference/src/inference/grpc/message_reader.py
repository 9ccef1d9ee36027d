"""Receives gRPC messages within limits. Their size is known only when they are complete.

gRPC copies a message on the event loop, in one piece. So after a large message, a connection waits
for its turn before it reads the next one. Until then gRPC buffers at most 64 KiB of that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from inference.errors import OverloadedError, RequestError, TooSlowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

# A message that is complete by then needs no permit: it was sent along with the call.
_AT_ONCE_SECONDS = 0.1
_OPEN_STREAMS = 16
_LARGE_BYTES = 512 * 1024
# All large messages together: a copy takes about a quarter of that time.
_BYTES_PER_SECOND = 128 * 1024 * 1024
_REMEMBERED = 1024


class Reception:
    """Permits for streams and slow messages, which may hold incomplete messages.

    Args:
        max_streams: The number of permits.
        message_seconds: How long the only message of a call may take to come.
    """

    def __init__(self, *, max_streams: int, message_seconds: float) -> None:
        self._free = max_streams
        self._free_open = _OPEN_STREAMS
        self._message_seconds = message_seconds
        self._throttle = _LargeMessageThrottle()

    async def receive(self, context: Context) -> bytes:
        """Receive a call's only message.

        Raises:
            RequestError: There is none.
            OverloadedError: It does not come at once, and no permit is left to wait for it.
            TooSlowError: It has not come in time.
        """
        await self._throttle.wait(context)
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("calls are answered in tasks")
        slow = _Slow(task)
        timer = loop.call_later(_AT_ONCE_SECONDS, self._take_permit, slow)
        try:
            message = await context.read()
        except asyncio.CancelledError:
            if slow.error is None:
                raise
            slow.task.uncancel()
            raise slow.error from None
        finally:
            timer.cancel()
            if slow.timer is not None:
                slow.timer.cancel()
                self._free += 1
        if message is grpc.aio.EOF:
            raise RequestError("the call has no message")
        self._throttle.note(context, message)
        return bytes(message)

    async def receive_next(self, context: Context) -> Any:
        """Receive a stream's next message, or ``grpc.aio.EOF``."""
        await self._throttle.wait(context)
        message = await context.read()
        if message is not grpc.aio.EOF:
            self._throttle.note(context, message)
        return message

    def _take_permit(self, slow: _Slow) -> None:
        if not self._free:
            slow.give_up(_no_permit())
            return
        self._free -= 1
        late = TooSlowError(
            f"the message did not come within {self._message_seconds:g} seconds "
            "(INFERENCE_BODY_SECONDS)"
        )
        loop = asyncio.get_running_loop()
        slow.timer = loop.call_later(self._message_seconds, slow.give_up, late)

    @contextlib.contextmanager
    def hold_keyless_permit(self) -> Iterator[None]:
        """Hold one of the permits for streams without a key, which have a limit of their own."""
        if not self._free_open:
            raise _no_permit()
        self._free_open -= 1
        try:
            yield
        finally:
            self._free_open += 1

    @contextlib.contextmanager
    def hold_permit(self) -> Iterator[None]:
        """Hold a permit while a stream is open."""
        if not self._free:
            raise _no_permit()
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


class _LargeMessageThrottle:
    """Delays the next message of connections that send large ones."""

    def __init__(self) -> None:
        self._sizes: OrderedDict[str, int] = OrderedDict()  # of the last message, if it was large
        self._free_at = 0.0

    async def wait(self, context: Context) -> None:
        size = self._sizes.get(context.peer()) if self._sizes else None
        if size is not None:
            now = time.monotonic()
            begin = max(now, self._free_at)
            self._free_at = begin + size / _BYTES_PER_SECOND
            if begin > now:
                await asyncio.sleep(begin - now)

    def note(self, context: Context, message: bytes) -> None:
        if len(message) < _LARGE_BYTES:
            if self._sizes:
                self._sizes.pop(context.peer(), None)
            return
        peer = context.peer()
        self._sizes[peer] = len(message)
        self._sizes.move_to_end(peer)
        if len(self._sizes) > _REMEMBERED:
            self._sizes.popitem(last=False)


class _Slow:
    """A message that did not come at once."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.timer: asyncio.TimerHandle | None = None
        self.error: Exception | None = None

    def give_up(self, error: Exception) -> None:
        self.error = error
        self.task.cancel()


def _no_permit() -> OverloadedError:
    return OverloadedError(
        "too many streams and slow messages at a time (INFERENCE_GRPC_MAX_STREAMS): try again"
    )
