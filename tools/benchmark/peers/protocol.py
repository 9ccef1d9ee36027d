"""The limit of the loop: a protocol on uvloop that parses nothing and answers each packet.

``python protocol.py PORT``.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop

_BODY = b'{"label":"Adelie"}'
_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class Protocol(asyncio.Protocol):
    """Answers each head."""

    def connection_made(self, transport: Any) -> None:
        """Keep how to write."""
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        """Answer what looks like a head; some clients send the body in a packet of its own."""
        if data.startswith(b"POST"):
            self._write(_ANSWER)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
