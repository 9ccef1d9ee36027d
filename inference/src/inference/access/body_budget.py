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
    """The bytes of all bodies in one process that are being received or answered.

    No body may become larger than the rest that is free. So large bodies cannot take all memory
    (each leaves as much as it takes), and small ones always find room.

    Args:
        max_bytes: The limit on all bodies together.

    Attributes:
        held: The bytes that are counted now.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self.held = 0

    def hold(self) -> Hold:
        """Return a context that counts one body."""
        return Hold(self)

    def add(self, count: int, size: int) -> None:
        """Count further bytes of a body.

        Raises:
            OverloadedError: The limit would be exceeded.
        """
        with self._lock:
            if size > self._max_bytes - self.held - count:
                raise OverloadedError(
                    f"the bodies of running requests take {self.held:,} bytes, and there is no "
                    "room for this one (INFERENCE_MAX_BODIES_BYTES): try again"
                )
            self.held += count

    def remove(self, count: int) -> None:
        """Release bytes."""
        with self._lock:
            self.held -= count


class Hold:
    """The bytes of one body, released at the end of the context.

    Args:
        bodies: Counts them.
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
        """Count further bytes.

        Raises:
            OverloadedError: The limit would be exceeded.
        """
        self._size += count
        if self._size > _SMALL_BYTES:
            self._bodies.add(self._size - self._counted, self._size)
            self._counted = self._size
