"""Read a request's body within the limits: its own, and that of all bodies together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self, cast

from inference.errors import OverloadedError, TooLargeError

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import Receive

    from inference.web.message.headers import Headers

# So much of each body is not counted: connections are bounded, too.
_SMALL_BYTES = 64 * 1024
_BODY_SETTING = "INFERENCE_MAX_BODY_BYTES"


class ClientGoneError(Exception):
    """The client left before its request was complete; nobody is to be answered."""


class Bodies:
    """The bytes of all bodies that are being received or answered, in one process.

    No body may become larger than what is still free. So a few large ones cannot use up everything
    (each leaves as much as it takes), and small ones find room whatever large ones do.

    Args:
        max_bytes: The most bytes, all together.

    Attributes:
        held: The bytes that are counted now.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self.held = 0

    def hold(self) -> Hold:
        """Begin to count one body; to be used as a context."""
        return Hold(self)

    def add(self, count: int, size: int) -> None:
        """Count bytes of a body that would then have that size.

        Raises:
            OverloadedError: There is not so much room.
        """
        with self._lock:
            if size > self._max_bytes - self.held - count:
                raise OverloadedError(
                    f"the requests under way have bodies of {self.held:,} bytes, and there is no "
                    "room for this one (INFERENCE_MAX_BODIES_BYTES): try again"
                )
            self.held += count

    def remove(self, count: int) -> None:
        """Forget bytes that are no longer held."""
        with self._lock:
            self.held -= count


class Hold:
    """What one body takes, until the end of the context.

    Args:
        bodies: Where it is counted.
    """

    __slots__ = ("_bodies", "_counted", "_size")

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._size = self._counted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._counted:
            self._bodies.remove(self._counted)
            self._counted = 0

    def take(self, count: int) -> None:
        """Count more bytes.

        Raises:
            OverloadedError: There is no room for them.
        """
        self._size += count
        if self._size > _SMALL_BYTES:
            self._bodies.add(self._size - self._counted, self._size)
            self._counted = self._size


async def read_body(
    headers: Headers,
    receive: Receive,
    *,
    max_bytes: int,
    hold: Hold | None = None,
    setting: str = _BODY_SETTING,
) -> bytes:
    """Read the whole body.

    Args:
        headers: The request's headers.
        receive: Gives the body's pieces.
        max_bytes: The most bytes.
        hold: Counts them; by default they are not counted together with others'.
        setting: The name of the limit.

    Raises:
        TooLargeError: It is announced as, or turns out to be, over the limit; nothing more is read.
        OverloadedError: The bodies of all requests take too much already.
        ClientGoneError: The client is gone.
    """
    hold = hold or Bodies(2 * max_bytes).hold()
    for name, announced in headers:
        if name == b"content-length" and int(announced) > max_bytes:
            raise _too_large(max_bytes, setting)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        # The common case: the body has come in one piece, and is not copied.
        body: bytes = message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes, setting)
        hold.take(len(body))
        return body
    chunks = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        if len(chunks) + len(chunk) > max_bytes:
            raise _too_large(max_bytes, setting)
        hold.take(len(chunk))
        chunks += chunk
        if not message.get("more_body"):
            return cast("bytes", chunks)  # it does all that is asked of bytes; a copy costs as much
        message = await receive()


def _too_large(max_bytes: int, setting: str) -> TooLargeError:
    return TooLargeError(f"the body is over the limit of {max_bytes:,} bytes ({setting}): split it")
