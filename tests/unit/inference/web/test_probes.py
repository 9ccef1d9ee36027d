"""Probes are answered without FastAPI, and as it describes them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI

from inference.serving.readiness import Readiness
from inference.web.api.health import Health, health_router
from inference.web.deferred import DeferredApplication
from inference.web.methods import Methods
from inference.web.probes import Probes
from support.repository_harness import Bench, scenario

if TYPE_CHECKING:
    from pathlib import Path


def never() -> Any:
    raise AssertionError("the application is not needed")


def application() -> Methods:
    app = FastAPI()
    app.include_router(health_router())
    return Methods(app, app, lambda _: False)


def client(bench: Bench, readiness: Readiness, build: Any) -> httpx.AsyncClient:
    deferred = DeferredApplication(build, never, never)
    transport = httpx.ASGITransport(Probes(deferred, bench.repository, readiness))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


@scenario
async def test_probes_follow_the_state_and_need_no_application(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    readiness = Readiness(bench.repository)
    async with client(bench, readiness, never) as asking:
        starting = await asking.get("/readyz")
        assert (starting.status_code, starting.json()["status"]) == (503, "starting")
        async with bench.repository.running():
            async with asyncio.timeout(10):
                await bench.repository.wait_until(lambda snapshot: snapshot.complete)
            ready = await asking.get("/readyz")
            assert (ready.status_code, ready.json()) == (200, {"status": "ready", "models": 0})
            assert ready.headers["content-type"] == "application/json"
            assert Health(**ready.json())
        readiness.is_stopping = True
        stopping = await asking.get("/readyz")
        assert (stopping.status_code, stopping.json()["status"]) == (503, "stopping")
        alive = await asking.get("/healthz")
        assert (alive.status_code, alive.json()) == (200, {"status": "alive", "models": 0})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@scenario
async def test_other_methods_are_those_that_fastapi_lists(tmp_path: Path, path: str) -> None:
    bench = Bench(tmp_path)
    async with client(bench, Readiness(bench.repository), application) as asking:
        get, head = await asking.get(path), await asking.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
        options = await asking.options(path)
        assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
        posted = await asking.post(path)
        assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert (await asking.get(f"{path}/more")).status_code == 404
