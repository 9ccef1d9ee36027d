"""What a GET answers with is made off the loop, once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from inference.app import reserve_memory
from inference.errors import NotFoundError
from inference.monitoring.setup import start_monitoring
from inference.repository.operator_state import Selection
from inference.repository.snapshot import Model, Snapshot, Version
from inference.runtime.documents import Subject
from inference.runtime.shared_memory import Section
from inference.serving.readiness import Readiness
from inference.telemetry.recorder import Recorder
from inference.web.api.metrics import metrics_router
from inference.web.api.model_documents import ModelsDocument, encode_model
from inference.web.api.models import models_router
from inference.web.api.schemas import ModelDetail, ModelsView, VersionDetail
from inference.web.documents import DocumentResponse, encoded
from inference.web.openapi.document import OpenApiDocument
from inference.web.v2.router import oip_router
from support.amount import amount
from support.repository_harness import Bench, live, note, scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MODELS = amount("DOCUMENT_MODELS", 25)
ROUTES = (
    "/openapi.json",
    "/models",
    "/models/model-1",
    "/v2/models",
    "/v2/models/model-1",
    "/v2/models/model-1/config",
    "/v2/models/model-1/stats",
    "/v2/models/stats",
    "/metrics",
)
KEPT = ROUTES[:6]


@contextlib.asynccontextmanager
async def asking(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    app, recorder = FastAPI(openapi_url="/openapi.json"), Recorder()
    OpenApiDocument(app, bench.repository).install()
    app.include_router(models_router(bench.repository, bench.state_file))
    monitoring = start_monitoring(bench.settings, recorder, Section(reserve_memory()))
    app.include_router(metrics_router(recorder, bench.repository, monitoring, aliases=True))
    app.include_router(
        oip_router(
            bench.repository,
            bench.state_file,
            recorder,
            bench.settings,
            Readiness(bench.repository),
        )
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@contextlib.asynccontextmanager
async def heart() -> AsyncIterator[list[float]]:
    """Note how long the loop computed each time, in seconds; a busy machine adds none."""
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            gaps.append(time.thread_time() - before)

    beating = asyncio.create_task(beat())
    try:
        yield gaps
    finally:
        beating.cancel()


def many_models(root: Path) -> Bench:
    bench = Bench(root)
    for number in range(MODELS):
        bench.put(f"model-{number}/1/model.onnx", note(number))
    return bench


@scenario
async def test_no_document_holds_the_loop(tmp_path: Path) -> None:
    async with live(many_models(tmp_path)) as bench, asking(bench) as client:
        await bench.until(lambda s: len(s.ready_names) == MODELS)
        await client.get("/openapi.json")  # FastAPI's own part is made once
        for route in ROUTES:
            bench.choose(unloaded=["model-0"])  # so that nothing is known yet
            bench.choose(unloaded=[])
            async with heart() as gaps:
                answers = await asyncio.gather(*(client.get(route) for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}
            assert max(gaps) < 0.5, route


@scenario
async def test_documents_fit_what_the_description_of_routes_says(tmp_path: Path) -> None:
    async with live(many_models(tmp_path)) as bench, asking(bench) as client:
        await bench.until(lambda s: len(s.ready_names) == MODELS)
        bench.choose(selection=Selection("model-1"))
        listed = ModelsView.model_validate_json((await client.get("/models")).content)
        assert [m.name for m in listed.models if m.selected] == ["model-1"]
        assert len(listed.models) == MODELS
        one = ModelDetail.model_validate_json((await client.get("/models/model-1")).content)
        assert one.selected
        assert one.contract is not None


@scenario
async def test_each_version_has_its_document(tmp_path: Path) -> None:
    async with live(many_models(tmp_path)) as bench, asking(bench) as client:
        bench.put("other/1/model.onnx", note(1001))
        bench.put("other/2/model.onnx", note(1002))
        bench.put("other/3/model.onnx", b"not a model")
        expected = {1: "ready", 2: "ready", 3: "quarantined"}
        await bench.until(
            lambda s: (
                "other" in s.models
                and {n: v.state for n, v in s.models["other"].versions.items()} == expected
            )
        )
        found = {}
        for number in (1, 2, 3):
            answer = await client.get(f"/models/other/versions/{number}")
            found[number] = VersionDetail.model_validate_json(answer.content)
        assert {v.state for v in found.values()} == {"ready", "quarantined"}
        assert found[3].reason
        assert found[3].contract is None
        assert found[3].task is None
        assert [number for number, v in found.items() if v.active] == [2]
        assert found[2].contract is not None
        assert found[2].signature is not None
        with pytest.raises(NotFoundError, match="has no version 9; it has 1, 2, 3"):
            await client.get("/models/other/versions/9")
        assert (await client.get("/models/other/versions/01")).json()["version"] == 1
        assert (await client.get("/models/other/versions/0")).status_code == 422
        for odd in ("+1", "1%0a", "%201", "1.0", "-1", "1_0", "%d9%a1", "9" * 19):
            with pytest.raises(NotFoundError, match="is not a version"):
                await client.get(f"/models/other/versions/{odd}")


@scenario
async def test_who_has_a_document_is_not_sent_it_again(tmp_path: Path) -> None:
    async with live(many_models(tmp_path)) as bench, asking(bench) as client:
        await bench.until(lambda s: len(s.ready_names) == MODELS)
        for route in KEPT:
            first = await client.get(route)
            etag = first.headers["etag"]
            for known in (etag, f'"other", W/{etag}', "*"):
                again = await client.get(route, headers={"if-none-match": known})
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["etag"] == etag
            other = await client.get(route, headers={"if-none-match": '"other"'})
            assert other.content == first.content
        before = (await client.get("/models")).headers["etag"]
        bench.put("new.onnx", note(1000))
        await bench.until(lambda s: "new" in s.ready_names)
        answer = await client.get("/models", headers={"if-none-match": before})
        assert answer.status_code == 200
        assert "new" in answer.text


@scenario
async def test_a_document_is_current_when_it_is_asked_for(tmp_path: Path) -> None:
    async with live(many_models(tmp_path)) as bench, asking(bench) as client:
        await bench.until(lambda s: len(s.ready_names) == MODELS)
        for name in ("model-3", "model-4", "model-5"):
            bench.choose(unloaded=[name])
            answers = await asyncio.gather(*(client.get("/v2/models") for _ in range(5)))
            assert all(name not in answer.json()["models"] for answer in answers)


@pytest.mark.parametrize("size", [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 1_000_000])
@scenario
async def test_a_document_is_written_in_pieces(size: int) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    body = bytes(range(256)) * (size // 256 + 1)
    response = DocumentResponse(encoded(body[:size]))
    await response({"type": "http", "headers": []}, receive, send)
    headers = dict(sent[0]["headers"])
    assert int(headers[b"content-length"]) == size
    pieces = [message["body"] for message in sent[1:]]
    assert b"".join(pieces) == body[:size]
    assert max(map(len, pieces)) <= 64 * 1024
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * (
        len(pieces) - 1
    ) + [False]


@pytest.mark.parametrize(("count", "shown"), [(50, 50), (51, 51), (1000, 50)])
def test_a_model_takes_so_much_of_the_list(count: int, shown: int) -> None:
    """Omitted parts are in the model's own document."""
    refused = {v: Version(v, "quarantined", "x" * 400, quarantined=True) for v in range(1, count)}
    model = Model("m", MappingProxyType(refused | {count: Version(count, "loading")}))
    snapshot = Snapshot(MappingProxyType({"m": model}))
    listed = ModelsDocument().encode(Subject(snapshot))
    assert len(listed.body) < 70_000
    [described] = msgspec.json.decode(listed.body)["models"]
    assert [v["version"] for v in described["versions"]] == [*refused, count][-shown:]
    whole = msgspec.json.decode(encode_model(Subject(model)).body)
    assert len(whole["versions"]) == count
