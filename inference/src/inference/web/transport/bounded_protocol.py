"""What one connection may take: sizes, time to send and to read, turns of the loop.

uvicorn bounds none of these for the parser in use. A request that is whole in one packet, as almost
all are, costs two flags; only one that is not gets a timer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import (
    ClientError,
    HeadersError,
    OverloadedError,
    RateError,
    RequestError,
    TooSlowError,
)
from inference.logs import REQUEST_ID, fields
from inference.web.http1.framing import CHUNKED, Framing, body_length, end_of_only_head
from inference.web.http1.request_target import origin_form
from inference.web.http1.size_limits import SizeLimits
from inference.web.message.request_id import make_id, request_id
from inference.web.transport.address_limit import AddressLimit
from inference.web.transport.connection_limits import BODY, HEAD, ConnectionLimits, Timer
from inference.web.transport.fair_queue import FairQueue
from inference.web.transport.lingering_transport import BULK_BYTES
from inference.web.transport.protocol import Protocol
from inference.web.transport.refusal import patience_with_further, spell

if TYPE_CHECKING:
    import asyncio

    from inference.errors import RookeryError

logger = logging.getLogger(__name__)

# As much of a head that is too large as shows what it asked for.
_ENOUGH_BYTES = 2048


class BoundedProtocol(Protocol):
    """The protocol within limits; :func:`bounded` puts it in front of another.

    What is received is parsed in pieces, see :mod:`inference.web.http1.framing`. The first
    request of a packet is answered at once; what follows it waits for its turn, see
    :mod:`inference.web.transport.fair_queue`, and nothing more is read meanwhile.

    A message is under way while its list of headers, which uvicorn makes anew for each, is not the
    one that was noted at the end of a message.

    Attributes:
        turns: Shared by all connections.
        addresses: Shared by all connections.
    """

    turns: ClassVar[FairQueue] = FairQueue()
    addresses: ClassVar[AddressLimit] = AddressLimit(0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._framing = Framing()
        self._rest = b""  # what has been received and not parsed, from ``_at`` on
        self._at = 0
        self._refused = False
        self._ended_message: object = None
        self._sizes = SizeLimits(self.bounds.max_header_bytes, self.bounds.max_header_lines)
        self._unasked_bytes: int | None = None  # may still come of a body that is answered already
        self._timer = Timer(self.bounds, self._time_out)

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun to come and has not ended."""
        return self.headers is not self._ended_message

    @property
    def is_held_back(self) -> bool:
        """Whether something has been received that waits for its turn, or is the last."""
        return self._refused or self._rest != b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections."""
        super().connection_made(transport)
        bounds = self.bounds
        is_within = self.addresses.enter(self.client and self.client[0])
        if len(self.connections) > bounds.max_connections:
            self.refuse(OverloadedError("more connections than the service takes on; try again"))
        elif not is_within:
            most = f"{bounds.max_connections_per_address:,}"
            setting = "INFERENCE_MAX_CONNECTIONS_PER_ADDRESS"
            self.refuse(RateError(f"over {most} connections from one address ({setting})", 1))
        else:
            self._timer.start(self.loop, HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._rest = b""
        self._timer.stop()
        self.resume_writing()
        self.addresses.leave(self.client and self.client[0])
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer the first request that has come, and keep the rest for later."""
        used = 0
        if self.headers is self._ended_message and not self._rest:
            used = len(data) if self.answer_known(data) else self._parse_whole(data)
            if used == len(data):
                if self._timer.is_on:
                    self._timer.stop()
                return
        if self._refused:
            return
        if self._rest:
            self._rest, self._at = self._rest[self._at :] + data, 0
        else:
            self._parse_first(data, used)
            self.flow.breathe(len(data), is_dropping=self._unasked_bytes is not None)

    def go_on(self) -> bool:
        """Go on with what has been received; tell whether there is more to do now."""
        if self._may_parse:
            ended = self._ended_message
            self._parse_piece()
            self.flow.resume_reading()
            self._set_timer(ended)
        return self._may_parse

    def on_headers_complete(self) -> None:
        """Let the head through, if it can be understood in one way only."""
        length = 0
        self._version = self.parser.get_http_version()
        if self._hot.prefix or not self.url.startswith(b"/"):
            self.url = origin_form(self.url, self._hot.prefix)
        try:
            if self.parser.get_method() == b"CONNECT":
                raise RequestError("this is not a proxy: CONNECT is not answered")
            length = body_length(self.headers, self._version)
            if not self._is_whole:
                self._sizes.check_parsed_head(self.url, self.headers)
        except ClientError as error:
            self.refuse(error)
        self._framing.body_left = length
        super().on_headers_complete()
        if length == CHUNKED and not self.parser.should_upgrade():
            self.headers = []  # what follows the body as headers is part of no decision

    def on_chunk_header(self) -> None:
        """Count the pieces of a body of unknown length."""
        self._sizes.chunks += 1

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        if self._framing.body_left == CHUNKED:
            self._sizes.beside_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that nothing more is to come."""
        self._ended_message = self.headers
        self._framing.body_left = 0
        self._sizes.reset()
        self._unasked_bytes = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what has been received meanwhile, in its turn."""
        super().on_response_complete()
        if self.is_receiving:
            self._unasked_bytes = self.bounds.linger_bytes
        if self._may_parse:
            self.turns.add(self)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self.refuse(RequestError(msg))

    def refuse(self, error: RookeryError) -> None:
        """Answer with an error, unless another answer is under way, and close the connection.

        Requests before the one that is refused get their answers first.
        """
        if self.transport.is_closing() or self._refused:
            return
        self._refused = True
        self._rest = b""
        self._hot.count_refusal(error.status)
        identity = request_id([*self.scope["headers"]]) if self.is_receiving else make_id()
        REQUEST_ID.set(identity)
        told = fields("refused", status=error.status, client=self.client and self.client[0])
        logger.warning("refused with %d: %s", error.status, error, extra=told)
        cycle: Any = self.cycle
        if cycle is not None and cycle.scope is not self.scope:  # it is an earlier request's
            if not cycle.response_complete:
                cycle.keep_alive = False  # uvicorn closes behind its answer, the last one
                self.flow.pause_reading()
                return
        elif cycle is not None and (cycle.response_started or self.pipeline):
            self.transport.close()  # bytes of ours would fall into another answer
            return
        further = [*self.server_state.default_headers, (b"x-request-id", identity)]
        self.transport.write(spell(error, self.url if self.is_receiving else b"", further))
        outlet: Any = self.transport
        over = len(self.connections) - self.bounds.max_connections
        outlet.linger(self.patience if over <= 0 else patience_with_further(over))

    @property
    def _may_parse(self) -> bool:
        """Whether there is something to parse that is not behind an answer under way."""
        is_busy = self.cycle is not None and not self.cycle.response_complete
        return self._rest != b"" and (not is_busy or self._framing.body_left != 0)

    def _parse_whole(self, packet: bytes) -> int:
        """Parse a packet in one go, if it is one message; tell how many bytes are dealt with."""
        end = end_of_only_head(packet) if len(packet) < BULK_BYTES else 0
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if not end or is_busy or self._refused or not self._sizes.take_head(packet, end):
            return 0
        self._framing.seam = b""
        ended, self._is_whole = self._ended_message, True
        used = self.parse(packet)
        self._is_whole = False
        if self.headers is self._ended_message is not ended:
            self.note_whole(packet)
        elif self._refused or self.transport.is_closing():
            return len(packet)
        return used

    def _parse_first(self, packet: bytes, at: int) -> None:
        """Parse the first message of a packet from there on, and keep the rest for later."""
        ended, begins = self._ended_message, not self.is_receiving
        self._rest, self._at = packet, at
        if self._may_parse:
            self._parse_piece()
            if self._framing.body_left and self._may_parse:
                self._parse_piece()
        if self._rest:
            self.flow.pause_reading()
            if self._may_parse:
                self.turns.add(self)
        elif begins and not self.is_receiving and ended is not self._ended_message:
            self.note_whole(packet)
        self._set_timer(ended)

    def _parse_piece(self) -> None:
        """Parse a piece of what has been received."""
        end = self._framing.end(self._rest, self._at)
        piece = self._rest[self._at : end]
        was_chunked = self._framing.body_left == CHUNKED
        try:
            if not self._framing.body_left:
                self._sizes.add_head(piece)
            self._framing.passed(piece)
            used = self.parse(piece)
            self._at += used
            if was_chunked:
                self._check_chunks(used)
        except HeadersError as error:
            if not was_chunked:
                # So that it is known what was asked; without its end, so that it is not answered.
                self.parse(piece[:-1][:_ENOUGH_BYTES])
            self.refuse(error)
        if self._unasked_bytes is not None:
            self._unasked_bytes -= len(piece)
            if self._unasked_bytes < 0:
                self.transport.abort()
        if self._at >= len(self._rest) or self._refused or self.transport.is_closing():
            self._rest, self._at = b"", 0

    def _check_chunks(self, count: int) -> None:
        if self._framing.body_left == CHUNKED:
            self._sizes.beside_bytes += count
            self._sizes.check_chunks(self.headers)
        elif self.is_receiving and not self._framing.body_left:
            self._sizes.check_parsed_head(self.url, self.headers)

    def _set_timer(self, ended: object) -> None:
        """Give what is being received its time; ``ended`` stood for the last message before."""
        if ended is not self._ended_message:
            self._timer.stop()
        if self.is_receiving and not self.transport.is_closing():
            self._timer.start(self.loop, BODY if self._framing.body_left else HEAD)

    def _time_out(self) -> None:
        phase = self._timer.phase
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if self._rest or (phase == HEAD and is_busy):
            self._timer.start(self.loop, phase)  # nothing is read now: the client is without fault
            return
        name = f"INFERENCE_{phase.upper()}_SECONDS"
        self.refuse(TooSlowError(f"the request's {phase} has not come in time ({name})"))


def bounded(protocol: type[Protocol], bounds: ConnectionLimits) -> type[Protocol]:
    """Put limits in front of a protocol."""
    shared = {
        "bounds": bounds,
        "turns": FairQueue(),
        "addresses": AddressLimit(bounds.max_connections_per_address),
    }
    return type(f"Bounded{protocol.__name__}", (BoundedProtocol, protocol), shared)
