"""The end of a connection whose client is still sending."""

from __future__ import annotations

import asyncio

import pytest

from inference.web.transport.lingering_transport import LingeringTransport, LingerLimit
from support.fake_transport import FakeTransport


class Ending:
    """A connection whose client is still sending."""

    may_be_sending = True

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.lost = False

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.lost = True


@pytest.mark.parametrize(("sent", "closed"), [(9, False), (10, False), (11, True)])
def test_what_is_still_sent_is_dropped_up_to_a_limit(sent: int, *, closed: bool) -> None:
    async def run() -> None:
        raw, ending = FakeTransport(), Ending()
        outlet = LingeringTransport(raw, ending, LingerLimit(60, 10))
        outlet.write(b"refused")
        outlet.close()
        outlet.close()
        outlet.write(b"too late")
        assert outlet.is_closing()
        assert (raw.ended, raw.closed, raw.written) == (True, False, b"refused")
        raw.protocol.data_received(b"x" * sent)
        assert raw.closed == closed
        raw.protocol.connection_lost(None)
        assert ending.lost

    asyncio.run(run())
