"""Streams of events end with the client, the model or the service, and leave nothing behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from inference.errors import NotFoundError, OverloadedError
from inference.telemetry.counters import Counters
from inference.telemetry.latency_histogram import SIZE
from inference.telemetry.traffic import RecentTraffic
from inference.web.pages import event_stream
from inference.web.pages.event_stream import EventStreams

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.serving.readiness import Readiness


class Stopping:
    """A readiness that tests turn off."""

    is_stopping = False


class Client:
    """A client of one stream."""

    def __init__(self, streams: EventStreams, tag: Callable[[], str] = lambda: "a") -> None:
        self.received = b""
        self.news = asyncio.Event()
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.blocked = asyncio.Event()
        self.status = 0

        async def current() -> str:
            return tag()

        self.stream = streams.stream(current)

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if not self.reads.is_set():
            self.blocked.set()
        await self.reads.wait()
        self.status = message.get("status", self.status)
        self.received += message.get("body", b"")
        self.news.set()

    async def run(self, **scope: Any) -> None:
        await self.stream(scope, self.receive, self.send)

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(30):
            while text not in self.received:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
def stopping() -> Any:
    return Stopping()


@pytest.fixture
def traffic() -> RecentTraffic:
    return RecentTraffic(Counters("requests", SIZE))


@pytest.fixture
def streams(
    stopping: Readiness, traffic: RecentTraffic, monkeypatch: pytest.MonkeyPatch
) -> EventStreams:
    monkeypatch.setattr(event_stream, "TICK_SECONDS", 0.001)
    return EventStreams(traffic, stopping, 2)


def test_each_change_is_one_event(streams: EventStreams) -> None:
    async def scenario() -> None:
        tags = ["a"]
        client = Client(streams, lambda: tags[-1])
        running = asyncio.create_task(client.run())
        await client.until(b"event: page\ndata: a\n\n")
        tags.append("b")
        await client.until(b"event: page\ndata: b\n\n")
        client.left.set()
        await running
        assert client.received.count(b"event: page") == 2
        assert client.received.count(b"event: traffic\ndata: {}\n\n") == 1
        assert streams.open == 0

    asyncio.run(scenario())


def test_quiet_stream_sends_heartbeats(
    streams: EventStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.003)

    async def scenario() -> None:
        client = Client(streams)
        running = asyncio.create_task(client.run())
        await client.until(b": alive\n\n: alive\n\n")
        client.left.set()
        await running

    asyncio.run(scenario())


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "reads nothing"])
def test_streams_end_when_the_service_stops(
    streams: EventStreams, stopping: Stopping, *, reads: bool
) -> None:
    async def scenario() -> None:
        tags = ["a"]
        client = Client(streams, lambda: tags[-1])
        running = asyncio.create_task(client.run())
        await client.until(b"event: page")
        async with asyncio.timeout(30):
            if not reads:
                client.reads.clear()
                tags.append("b")
                await client.blocked.wait()
            stopping.is_stopping = True
            if not reads:
                client.blocked.clear()
                await client.blocked.wait()  # its last piece, after the events were given up
                client.reads.set()
            await running
        assert streams.open == 0
        with pytest.raises(OverloadedError):
            streams.check_room()

    asyncio.run(scenario())


def test_number_of_streams_is_bounded(streams: EventStreams) -> None:
    async def scenario() -> None:
        clients = [Client(streams) for _ in range(2)]
        running = [asyncio.create_task(client.run()) for client in clients]
        for client in clients:
            await client.until(b"event: page")
        with pytest.raises(OverloadedError, match="too many pages"):
            Client(streams)
        clients[0].left.set()
        await running[0]
        Client(streams)
        clients[1].left.set()
        await running[1]

    asyncio.run(scenario())


def test_stream_ends_when_its_model_is_gone(streams: EventStreams) -> None:
    async def scenario() -> None:
        def gone() -> str:
            raise NotFoundError("there is no model 'm'")

        client = Client(streams, gone)
        async with asyncio.timeout(30):
            await client.run()
        assert client.status == 200
        assert streams.open == 0

    asyncio.run(scenario())


def test_stream_ends_with_a_broken_connection_or_a_cancellation(streams: EventStreams) -> None:
    async def scenario() -> None:
        client = Client(streams)
        running = asyncio.create_task(client.run())
        await client.until(b"event: page")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert streams.open == 0
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert others == set()

    asyncio.run(scenario())


def test_head_has_no_events(streams: EventStreams) -> None:
    async def scenario() -> None:
        client = Client(streams)
        async with asyncio.timeout(30):
            await client.run(without_body=True)
        assert (client.status, client.received) == (200, b"")

    asyncio.run(scenario())
