"""Limit the memory that the bodies of all requests take together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from inference.errors import OverloadedError

if TYPE_CHECKING:
    from types import TracebackType

# The first bytes of each body are not counted: the number of connections is limited, too.
_SMALL_BYTES = 64 * 1024


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
