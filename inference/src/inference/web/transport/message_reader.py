"""Feeds a connection's parser in pieces, within limits on size and time.

A packet may hold thousands of requests. Cut into pieces (see :mod:`inference.web.http1.framing`),
the first is answered at once. The others wait in a queue that all connections share (see
:mod:`inference.web.transport.fair_queue`); nothing more is read meanwhile.

A request that is whole in one packet, as almost all are, needs no timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from inference.errors import HeadersError, RequestError, TooSlowError
from inference.web.http1.framing import CHUNKED, Framing, end_of_only_head
from inference.web.http1.size_limits import SizeLimits
from inference.web.transport.connection_interface import ReceiveState
from inference.web.transport.connection_limits import BODY, HEAD, ReceiveTimer
from inference.web.transport.lingering_transport import BULK_BYTES

if TYPE_CHECKING:
    from inference.web.message.headers import Headers
    from inference.web.transport.connection_interface import Connection
    from inference.web.transport.fair_queue import FairQueue

# As much of a head that is too large as shows what was requested.
_ENOUGH_BYTES = 2048


class MessageReader:
    """The received bytes of one connection, and how far they are parsed.

    Args:
        connection: The connection; its parser's callbacks report to this reader.
        queue: Where connections wait that have received several requests.

    Attributes:
        waiting: Received bytes that are not parsed yet, from an internal offset on.
        is_whole: Whether the message that is being parsed was received whole.
        has_begun: Whether anything was received since the last message that was parsed here.
        timer: Limits the time to receive what is under way.
    """

    __slots__ = ("_connection", "_dropped_bytes_left", "_ended", "_framing", "_offset", "_queue",
                 "_sizes", "has_begun", "is_whole", "timer", "waiting")  # fmt: skip

    def __init__(self, connection: Connection, queue: FairQueue) -> None:
        self._connection = connection
        self._queue = queue
        self._framing = Framing()
        limits = connection.limits
        self._sizes = SizeLimits(limits.max_header_bytes, limits.max_header_lines)
        self._offset = 0
        self._ended = 0  # messages so far
        # How much of a body may still arrive whose request is answered already.
        self._dropped_bytes_left: int | None = None
        self.waiting = b""
        self.is_whole = self.has_begun = False
        self.timer = ReceiveTimer(limits, self._time_out)

    @property
    def may_parse(self) -> bool:
        """Whether bytes wait that do not belong behind an answer under way."""
        return self.waiting != b"" and (
            self._framing.body_left != 0 or not self._connection.is_answering
        )

    def receive(self, packet: bytes) -> None:
        """Parse the first message of a packet, and keep the rest for later."""
        connection = self._connection
        used = 0
        self.has_begun = True
        if connection.state is ReceiveState.IDLE and not self.waiting:
            used = self._parse_whole(packet)
            if used == len(packet):
                if self.timer.is_on:
                    self.timer.stop()
                return
        if connection.state is ReceiveState.REFUSED:
            return
        if self.waiting:
            self.waiting, self._offset = self.waiting[self._offset :] + packet, 0
        else:
            self._parse_first(packet, used)
            is_dropping = self._dropped_bytes_left is not None
            connection.flow.yield_after(len(packet), is_dropping=is_dropping)

    def go_on(self) -> bool:
        """Parse the next piece; return whether another can be parsed now."""
        if self.may_parse:
            ended = self._ended
            self._parse_piece()
            self._connection.flow.resume_reading()
            self._set_timer(ended)
        return self.may_parse

    def forget_blank_lines(self) -> None:
        """Count the next head from its begin: what came before it was answered, or blank."""
        self._sizes.reset()
        self._framing.seam = b""
        self.has_begun = False

    def clear(self) -> None:
        """Drop what was received and not parsed."""
        self.waiting, self._offset = b"", 0

    # Reports of the parser's callbacks.

    def check_head(self, url: bytes, headers: Headers) -> None:
        """Check the size of a complete head, unless that was done on its bytes.

        Raises:
            HeadersError: The head is too large.
        """
        self._sizes.check_parsed_head(url, headers)

    def begin_body(self, length: int) -> None:
        """Expect a body of so many bytes, or :data:`CHUNKED`."""
        self._framing.body_left = length

    def count_chunk(self) -> None:
        """Count a chunk of a body without a length."""
        self._sizes.chunks += 1

    def count_body(self, size: int) -> None:
        """Count bytes of a body that did not come whole."""
        if self._framing.body_left == CHUNKED:
            self._sizes.beside_bytes -= size

    def end_message(self) -> None:
        """Begin anew; the message is complete."""
        self._ended += 1
        self._framing.body_left = 0
        self._sizes.reset()
        self._dropped_bytes_left = None

    def resume(self, *, is_receiving: bool) -> None:
        """Go on after a response, in turn with other connections.

        Args:
            is_receiving: Whether the body of the answered request is incomplete; its rest is
                dropped up to a limit.
        """
        if is_receiving:
            self._dropped_bytes_left = self._connection.limits.linger_bytes
        if self.may_parse:
            self._queue.add(self)

    # Pieces.

    def _parse_whole(self, packet: bytes) -> int:
        """Parse a packet at once if it is one message; return how many bytes need no more work."""
        connection = self._connection
        end = end_of_only_head(packet) if len(packet) < BULK_BYTES else 0
        if not end or connection.is_answering or not self._sizes.take_head(packet, end):
            return 0
        self._framing.seam = b""
        ended, self.is_whole = self._ended, True
        used = self._parse(packet)
        self.is_whole = False
        if connection.state is ReceiveState.IDLE and ended != self._ended:
            connection.cache_head(packet)
        elif connection.state is ReceiveState.REFUSED or connection.transport.is_closing():
            return len(packet)
        return used

    def _parse_first(self, packet: bytes, offset: int) -> None:
        """Parse the first message of a packet from an offset on, and keep the rest."""
        connection = self._connection
        ended, begins = self._ended, connection.state is ReceiveState.IDLE
        self.waiting, self._offset = packet, offset
        if self.may_parse:
            self._parse_piece()
            if self._framing.body_left and self.may_parse:
                self._parse_piece()
        if self.waiting:
            connection.flow.pause_reading()
            if self.may_parse:
                self._queue.add(self)
        elif begins and connection.is_quiet and ended != self._ended:
            connection.cache_head(packet)
        self._set_timer(ended)

    def _parse_piece(self) -> None:
        """Parse one piece of what was received."""
        connection = self._connection
        end = self._framing.end(self.waiting, self._offset)
        piece = self.waiting[self._offset : end]
        was_chunked = self._framing.body_left == CHUNKED
        try:
            if not self._framing.body_left:
                self._sizes.add_head(piece)
            self._framing.passed(piece)
            used = self._parse(piece)
            self._offset += used
            if was_chunked:
                self._check_chunks(used)
        except HeadersError as error:
            if not was_chunked:
                # Shows what was requested; without its end, so that nothing answers it.
                self._parse(piece[:-1][:_ENOUGH_BYTES])
            connection.refuse(error)
        if self._dropped_bytes_left is not None:
            self._dropped_bytes_left -= len(piece)
            if self._dropped_bytes_left < 0:
                connection.transport.abort()
        if (
            self._offset >= len(self.waiting)
            or connection.state is ReceiveState.REFUSED
            or connection.transport.is_closing()
        ):
            self.clear()

    def _parse(self, piece: bytes) -> int:
        """Parse bytes; return how many of them were used."""
        connection = self._connection
        try:
            connection.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as offer:
            if not connection.transport.is_closing():
                self._decline_upgrade()
            used: int = offer.args[0]
            return used
        except httptools.HttpParserError:
            connection.refuse(RequestError("Invalid HTTP request received."))
        return len(piece)

    def _decline_upgrade(self) -> None:
        """Parse a head again, without the header that offers an upgrade."""
        connection, parser = self._connection, self._connection.parser
        version = parser.get_http_version().encode()
        head = [b"%s %s HTTP/%s" % (parser.get_method(), connection.url, version)]
        head += [b"%s: %s" % (n, v) for n, v in connection.headers if n != b"upgrade"]
        connection.parser = httptools.HttpRequestParser(connection)
        connection.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(b"\r\n".join([*head, b"", b""]))

    def _check_chunks(self, count: int) -> None:
        connection = self._connection
        if self._framing.body_left == CHUNKED:
            self._sizes.beside_bytes += count
            self._sizes.check_chunks(connection.headers)
        elif connection.state is ReceiveState.HEAD:
            self._sizes.check_parsed_head(connection.url, connection.headers)

    # Time.

    def _set_timer(self, ended: int) -> None:
        """Set the timer after a piece; ``ended`` is the number of messages before it."""
        connection = self._connection
        if ended != self._ended:
            self.timer.stop()
        if connection.transport.is_closing():
            return
        if connection.state is ReceiveState.BODY:
            self.timer.start(connection.loop, BODY)
        elif connection.state is ReceiveState.HEAD:
            self.timer.start(connection.loop, HEAD)

    def _time_out(self) -> None:
        phase = self.timer.phase
        if self.waiting or (phase == HEAD and self._connection.is_answering):
            # Nothing is read now, so the client is not late.
            self.timer.start(self._connection.loop, phase)
            return
        name = f"INFERENCE_{phase.upper()}_SECONDS"
        self._connection.refuse(
            TooSlowError(f"the request's {phase} has not come in time ({name})")
        )
