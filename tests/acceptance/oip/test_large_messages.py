"""Connections that send large messages over gRPC take turns; all others never wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from inference.grpc import message_reader as reception
from inference.grpc.message_reader import Reception

LARGE = reception._LARGE_BYTES


class Connection:
    """A call on a connection that sends one message."""

    def __init__(self, peer: str, size: int) -> None:
        self._peer, self._message = peer, bytes(size)

    def peer(self) -> str:
        return self._peer

    async def read(self) -> bytes:
        return self._message


class Clock:
    """A clock that advances only when a test sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(reception.time, "monotonic", lambda: self.now)  # type: ignore[attr-defined]
        monkeypatch.setattr(reception.asyncio, "sleep", self.sleep)  # type: ignore[attr-defined]

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def _receive(inlet: Reception, *sizes: int, peer: str = "ipv4:127.0.0.1:1") -> None:
    for size in sizes:
        call: Any = Connection(peer, size)
        assert len(await inlet.receive(call)) == size


@pytest.mark.parametrize(("size", "waits"), [(LARGE - 1, False), (LARGE, True), (LARGE + 1, True)])
def test_connection_waits_after_large_messages(
    size: int, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    asyncio.run(_receive(Reception(max_streams=1, message_seconds=1), size, size, size, size))

    # The first two come at once: of the first nothing was known, and nothing ran before the second.
    assert clock.now == pytest.approx(2 * size / reception._BYTES_PER_SECOND if waits else 0.0)


def test_other_connections_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    inlet = Reception(max_streams=1, message_seconds=1)

    async def run() -> None:
        await _receive(inlet, LARGE, LARGE, LARGE)
        before = clock.now
        await _receive(inlet, *[100] * 50, peer="ipv4:127.0.0.1:2")
        assert clock.now == before

    asyncio.run(run())


def test_connection_that_sends_small_messages_again_waits_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    inlet = Reception(max_streams=1, message_seconds=1)

    async def run() -> None:
        await _receive(inlet, LARGE, LARGE, 100)
        before = clock.now
        await _receive(inlet, *[100] * 50)
        assert clock.now == before

    asyncio.run(run())


def test_so_many_connections_are_remembered() -> None:
    inlet = Reception(max_streams=1, message_seconds=1)

    async def run() -> None:
        for number in range(reception._REMEMBERED + 10):
            await _receive(inlet, LARGE, peer=f"ipv4:127.0.0.1:{number}")
        assert len(inlet._throttle._sizes) == reception._REMEMBERED

    asyncio.run(run())
