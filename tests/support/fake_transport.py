"""A transport that is none: what is written stays where a test can see it."""

from __future__ import annotations

import asyncio
from typing import Any


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.gone = asyncio.Event()
        self.reading = True
        self.ended = False
        self.protocol: Any = None  # the one that took over

    def write(self, data: Any) -> None:
        assert not self.closed, "written after it was closed"
        assert not self.ended, "written after its end"
        self.written += data

    def close(self) -> None:
        self.closed = True
        self.gone.set()

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default

    def abort(self) -> None:
        self.close()

    def write_eof(self) -> None:
        self.ended = True

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
