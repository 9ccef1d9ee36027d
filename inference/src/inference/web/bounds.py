"""What one connection may take: the size of its requests' heads, and time to send and to read.

uvicorn bounds none of these for the parser in use. A request that is whole in one packet, as almost
all are, costs two flags; only one that is not gets a timer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.errors import HeadersError, OverloadedError, RequestError, TooSlowError
from inference.log import fields
from inference.web import problem
from inference.web.oip import error as oip
from inference.web.protocol import Protocol

if TYPE_CHECKING:
    import asyncio

    from inference.errors import RookeryError

logger = logging.getLogger(__name__)

# What the pieces of a body may cost beside the body, on average: its length, and little more.
_CHUNK_BYTES = 64
_HEAD, _BODY = "head", "body"


class Bounds(NamedTuple):
    """The limits; the settings of the same names describe them."""

    max_header_bytes: int = 32 * 1024
    head_seconds: float = 10
    body_seconds: float = 60
    max_connections: int = 4096


class BoundedProtocol(Protocol):
    """The protocol within limits; :func:`bounded` puts it in front of another.

    A message is under way while its list of headers, which uvicorn makes anew for each, is not the
    one that was noted at the end of a head or a message.

    Attributes:
        bounds: The limits.
    """

    bounds: ClassVar[Bounds] = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._packet_bytes = 0
        self._ended_head: object = None
        self._ended_message: object = None
        self._counted: object = None
        self._head_bytes = self._chunks = self._extra_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timed = ""
        self._reading: asyncio.TimerHandle | None = None

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun to come and has not ended."""
        return self.headers is not self._ended_message

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.bounds.max_connections:
            self.refuse(OverloadedError("more connections than the service takes on; try again"))
        else:
            self._start_timer(_HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, and bound what is still to come."""
        ended = self._ended_message
        begins = self.headers is ended
        if not (begins and self.answer_known(data)):
            self._packet_bytes = len(data)
            super().data_received(data)
            if self.is_receiving:
                self._bound_rest(alone=ended is self._ended_message)
                return
            if ended is self._ended_message:
                return  # blank lines, which are part of no message
            if begins:
                self.note_whole(data)
        if self._timer is not None:
            self._stop_timer()

    def on_headers_complete(self) -> None:
        """Let the head through, if it is not too large."""
        self._ended_head = self.headers
        if self._head_bytes + self._packet_bytes > self.bounds.max_header_bytes:
            self._check_head(self._parsed_bytes())
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Count the pieces of a body of unknown length."""
        self._chunks += 1

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        if self._chunks:
            self._extra_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that nothing more is to come."""
        self._ended_message = self.headers
        self._head_bytes = self._chunks = self._extra_bytes = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not for ever."""
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(self.bounds.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self.refuse(RequestError(msg))

    def refuse(self, error: RookeryError) -> None:
        """Answer with an error, unless another answer is under way, and close the connection.

        Requests before the one that is refused get their answers first.
        """
        if self.transport.is_closing():
            return
        told = fields("refused", status=error.status, client=self.client and self.client[0])
        logger.warning("refused with %d: %s", error.status, error, extra=told)
        cycle: Any = self.cycle
        if cycle is not None and cycle.scope is not self.scope:  # it is an earlier request's
            if not cycle.response_complete:
                cycle.keep_alive = False  # uvicorn closes behind its answer, the last one
                return
        elif cycle is not None and (cycle.response_started or self.pipeline):
            self.transport.close()  # bytes of ours would fall into another answer
            return
        self.transport.write(_spell(error, getattr(self, "url", b"")))
        self.transport.close()

    def _bound_rest(self, *, alone: bool) -> None:
        """Count, and start the timer.

        Args:
            alone: Whether the packet held nothing of the message before.
        """
        if self.transport.is_closing():
            return
        if self._counted is not self.headers:
            self._counted = self.headers
            self._head_bytes = self._packet_bytes if alone else self._parsed_bytes()
            # The head is in it, too, which has been let through.
            self._extra_bytes += self._packet_bytes - self.bounds.max_header_bytes if alone else 0
        elif self.headers is not self._ended_head:
            self._head_bytes += self._packet_bytes
        elif self._chunks:
            self._extra_bytes += self._packet_bytes
        if self._chunks:
            self._check_head(self._extra_bytes - self._chunks * _CHUNK_BYTES)
        if self.headers is not self._ended_head:
            self._check_head(self._head_bytes)
        phase = _BODY if self.headers is self._ended_head else _HEAD
        if not self.transport.is_closing() and (self._timer is None or self._timed != phase):
            self._start_timer(phase)

    def _parsed_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_head(self, size: int) -> None:
        most = self.bounds.max_header_bytes
        if size > most:
            self.refuse(
                HeadersError(f"the headers are over {most:,} bytes (INFERENCE_MAX_HEADER_BYTES)")
            )

    def _start_timer(self, phase: str) -> None:
        self._stop_timer()
        bounds = self.bounds
        seconds = bounds.head_seconds if phase == _HEAD else bounds.body_seconds
        self._timed = phase
        self._timer = self.loop.call_later(seconds, self._time_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        self._timer = None
        if self._timed == _HEAD and not (self.cycle is None or self.cycle.response_complete):
            # While an answer is under way nothing is read, so the client may be without fault.
            self._start_timer(_HEAD)
            return
        name = f"INFERENCE_{self._timed.upper()}_SECONDS"
        self.refuse(TooSlowError(f"the request's {self._timed} has not come in time ({name})"))


def bounded(protocol: type[Protocol], bounds: Bounds) -> type[Protocol]:
    """Put limits in front of a protocol."""
    return type(f"Bounded{protocol.__name__}", (BoundedProtocol, protocol), {"bounds": bounds})


def _spell(error: RookeryError, url: bytes) -> bytes:
    if oip.is_protocol_path(url.partition(b"?")[0].decode("latin-1")):
        refusal = oip.refuse(error)
        status, body, media_type = refusal.status, refusal.body, "application/json"
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers]
    else:
        status, body, headers = problem.encode_problem(error)
        media_type = problem.MEDIA_TYPE
    head = [
        STATUS_LINE[status],
        b"content-type: %s\r\ncontent-length: %d\r\n" % (media_type.encode(), len(body)),
        *(b"%s: %s\r\n" % pair for pair in headers),
        b"connection: close\r\n\r\n",
    ]
    return b"".join([*head, body])
