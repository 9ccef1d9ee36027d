"""The application is built once, in a thread, and requests wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from inference.runtime.threads import NoThreadError
from inference.web.deferred import DeferredApplication
from support.repository_harness import scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

SECONDS = 10


class Built:
    """Stands for FastAPI's application."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        self.paths.append(scope["path"])

    def has_route(self, scope: Scope) -> bool:
        return bool(scope["path"] == "/docs")


class Building:
    """Builds when it may, and counts how often and in which thread."""

    def __init__(self, failures: int = 0) -> None:
        self.may_go = threading.Event()
        self.failures = failures
        self.threads: list[int] = []
        self.built = Built()
        self.events: list[str] = []
        self.due = asyncio.Event()
        self.app = DeferredApplication(self.build, self.running, self.due.wait)

    def build(self) -> Built:
        self.threads.append(threading.get_ident())
        assert self.may_go.wait(SECONDS)
        if len(self.threads) <= self.failures:
            raise MemoryError
        return self.built

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.events.append("begin")
        yield
        self.events.append("end")

    async def ask(self, path: str) -> None:
        await self.app({"type": "http", "path": path}, nothing, nothing)


async def nothing(*_: Any) -> Any:
    raise AssertionError


async def until(holds: Any) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - a thread has no event of the loop
            await asyncio.sleep(0)


@scenario
async def test_requests_wait_until_it_is_built_once_in_a_thread() -> None:
    building = Building()
    asking = [asyncio.create_task(building.ask(f"/{number}")) for number in range(3)]
    await until(lambda: building.threads)
    assert not building.built.paths
    building.may_go.set()
    await asyncio.gather(*asking)
    assert building.built.paths == ["/0", "/1", "/2"]
    assert await building.app.has_route({"path": "/docs"})
    assert not await building.app.has_route({"path": "/other"})
    assert len(building.threads) == 1
    assert building.threads[0] != threading.get_ident()


@scenario
async def test_client_that_leaves_does_not_cancel_the_building() -> None:
    building = Building()
    leaving = asyncio.create_task(building.ask("/left"))
    staying = asyncio.create_task(building.ask("/stayed"))
    await until(lambda: building.threads)
    leaving.cancel()
    building.may_go.set()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert building.built.paths == ["/stayed"]


@scenario
async def test_failed_building_is_logged_and_the_next_request_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    building = Building(failures=1)
    building.may_go.set()
    with pytest.raises(MemoryError):
        await building.ask("/docs")
    assert "cannot be built" in caplog.text
    await building.ask("/docs")
    assert building.built.paths == ["/docs"]


@scenario
async def test_lifespan_begins_the_building_when_it_is_due_and_outlives_it() -> None:
    building = Building()
    received: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    living = asyncio.create_task(building.app({"type": "lifespan"}, received.get, send))
    received.put_nowait({"type": "lifespan.startup"})
    await until(lambda: sent)
    assert (sent, building.events) == (["lifespan.startup.complete"], ["begin"])
    assert not building.threads
    building.due.set()
    await until(lambda: building.threads)
    received.put_nowait({"type": "lifespan.shutdown"})
    for _ in range(10):
        await asyncio.sleep(0)
    assert building.events == ["begin"]  # the thread still uses what ends now
    building.may_go.set()
    await living
    assert building.events == ["begin", "end"]
    assert sent[-1] == "lifespan.shutdown.complete"


@scenario
async def test_lifespan_ends_before_the_building_was_due() -> None:
    building = Building()
    events = iter(("lifespan.startup", "lifespan.shutdown"))
    sent: list[str] = []

    async def receive() -> Any:
        return {"type": next(events)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await building.app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert not building.threads


def test_nothing_of_fastapi_is_imported_before_the_first_answer() -> None:
    program = (
        "import sys; import inference.cli.command, inference.process.server; "
        "slow = {'fastapi', 'pydantic', 'prometheus_client', 'google'}; "
        "print(sorted(slow & {name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout.strip() == b"[]"


@scenario
async def test_a_request_without_a_thread_to_build_is_refused_and_the_next_one_tries_again() -> (
    None
):
    building = Building()
    building.may_go.set()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as limited:
        limited.setattr(threading.Thread, "start", refuse)
        with pytest.raises(NoThreadError):
            await building.ask("/refused")
    await building.ask("/answered")
    assert building.built.paths == ["/answered"]
    assert len(building.threads) == 1
