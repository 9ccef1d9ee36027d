"""Packed rows of all versions that wait for the log: the event loop adds, a thread takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference.model.servable import Servable
    from inference.monitoring.log.rows.encoder import RowEncoder
    from inference.monitoring.log.rows.packed_rows import RowForm

MAX_BYTES = 16 * 1024**2  # of all rows that wait
_STEP_ROWS = 4096  # that a buffer may have without a look at the others
_PIECE_ROWS = 4096  # that are taken in one go: encoded in about a millisecond


class RowBuffer:
    """Packed rows of one form.

    Args:
        servable: What has answered.
        form: Their form.

    Attributes:
        form: The same.
        rows: The rows, oldest first. To append and to cut is one step under the interpreter's lock.
        room: How many rows it may have before :meth:`Backlog.look` is called again.
        servable: The same, until there is an encoder.
        encoder: Encodes the rows; made by the thread.
        is_closed: Whether no rows will come.
    """

    __slots__ = ("encoder", "form", "is_closed", "room", "rows", "servable")

    def __init__(self, servable: Servable, form: RowForm) -> None:
        self.form = form
        self.rows: list[bytes] = []
        self.room = _STEP_ROWS
        self.servable: Servable | None = servable
        self.encoder: RowEncoder | None = None
        self.is_closed = False

    def close(self) -> None:
        """Note that no rows will come."""
        self.is_closed = True

    def take(self) -> Iterator[bytes]:
        """Take the rows that it has now, in pieces."""
        left = len(self.rows)
        self.room = _STEP_ROWS
        # There are fewer than that if the last one was dropped meanwhile.
        while left > 0 and (piece := self.rows[:_PIECE_ROWS]):
            del self.rows[: len(piece)]
            left -= len(piece)
            yield b"".join(piece)


class Backlog:
    """All buffers.

    Args:
        wake: Called on the event loop when the first row waits.

    Attributes:
        buffers: The buffers.
        lost: Rows for which there was no room; written by the event loop only.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.buffers: list[RowBuffer] = []
        self.lost = 0
        self._wake = wake

    def add_buffer(self, servable: Servable, form: RowForm) -> RowBuffer:
        """Add a buffer for rows of one form; only on the event loop."""
        buffer = RowBuffer(servable, form)
        self.buffers.append(buffer)
        return buffer

    def look(self, buffer: RowBuffer) -> None:
        """Wake the thread for a first row, or drop a row for which there is no room.

        Call it on the event loop, after a row was added that is the only one or exceeds the room.
        """
        count = len(buffer.rows)
        if count <= 1:
            self._wake()
        elif sum(len(other.rows) * other.form.size for other in self.buffers) <= MAX_BYTES:
            buffer.room = count + _STEP_ROWS
        else:
            self.lost += 1
            if buffer.rows:  # nothing else adds rows, so the last one is the one that is dropped
                del buffer.rows[-1:]

    def take(self) -> Iterator[tuple[RowBuffer, bytes]]:
        """Take the rows that wait, in pieces of one form; in one thread at a time."""
        for buffer in [*self.buffers]:
            is_closed = buffer.is_closed
            for packed in buffer.take():
                yield buffer, packed
            if buffer.rows:
                self._wake()  # the event loop wakes for the first of several rows only
            elif is_closed:
                self.buffers.remove(buffer)
