"""The routes for metadata, configuration and statistics of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Response

from inference.errors import NotReadyError
from inference.oip import descriptions as describe
from inference.runtime.documents import Document, Documents, Subject
from inference.serving.versions import read_version
from inference.telemetry.statistics import collect_statistics
from inference.web.documents import DocumentResponse, encoded
from inference.web.v2.schemas import ErrorView, ModelConfig, ModelMetadata, StatisticsView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Model
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.statistics import ModelStatistics
    from inference.web.documents import Encoded

    Numbers = dict[tuple[str, int], ModelStatistics]

MODEL = "/models/{model_name}"
VERSION = MODEL + "/versions/{model_version}"
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorView, "description": "Invalid request; the caller must fix it"},
    404: {"model": ErrorView, "description": "The model or version does not exist"},
    413: {"model": ErrorView, "description": "Too many bytes or rows"},
    415: {"model": ErrorView, "description": "This route does not accept compressed bodies"},
    503: {
        "model": ErrorView,
        "description": "The model is not available, or the state cannot be saved",
    },
}


def pick(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of these statuses."""
    return {status: _ERRORS[status] for status in statuses}


def encode_names(subject: Subject) -> Encoded:
    """Encode the names of the models that are ready."""
    return encoded(msgspec.json.encode({"models": subject.thing.ready_names}))


def _describe_whole(model: Model, servable: Servable) -> dict[str, Any]:
    return describe.describe_metadata(model, servable, whole=True)


def _describe_one(model: Model, servable: Servable) -> dict[str, Any]:
    return describe.describe_metadata(model, servable, whole=False)


def add_descriptions(
    router: APIRouter,
    repository: Repository,
    find: Callable[[str, str | None], Awaitable[Servable]],
) -> None:
    """Add the routes for metadata and configuration."""
    documents: Documents[Encoded] = Documents()

    async def document(
        describe_it: Callable[[Model, Servable], dict[str, Any]], name: str, version: str | None
    ) -> DocumentResponse:
        number = (await find(name, version)).version

        def make(subject: Subject) -> Encoded:
            model: Model = subject.thing
            known = model.active if version is None else model.versions[number].servable
            if known is None:
                raise NotReadyError(f"model '{name}' is being replaced; try again")
            return encoded(msgspec.json.encode(describe_it(model, known)))

        def current() -> Subject:
            return Subject(repository.current().model(name))

        key = (describe_it, name, None if version is None else number)
        return DocumentResponse(await documents.of(key, current, make).get())

    @router.get(
        VERSION,
        summary="Metadata of one version",
        response_model=ModelMetadata,
        responses=pick(404, 503),
    )
    @router.get(
        MODEL,
        summary="Metadata of a model",
        response_model=ModelMetadata,
        responses=pick(404, 503),
    )
    async def get_model_metadata(
        model_name: str, model_version: str | None = None
    ) -> DocumentResponse:
        """Return inputs, outputs and contract."""
        describe_it = _describe_whole if model_version is None else _describe_one
        return await document(describe_it, model_name, model_version)

    @router.get(
        VERSION + "/config",
        summary="Configuration of one version",
        response_model=ModelConfig,
        responses=pick(404, 503),
    )
    @router.get(
        MODEL + "/config",
        summary="Configuration of a model",
        response_model=ModelConfig,
        responses=pick(404, 503),
    )
    async def get_model_config(
        model_name: str, model_version: str | None = None
    ) -> DocumentResponse:
        """Return the configuration in Triton's format."""
        return await document(describe.describe_config, model_name, model_version)


def add_statistics(router: APIRouter, repository: Repository, recorder: Recorder) -> None:
    """Add the routes for statistics."""

    def now() -> Subject:
        recorder.latency.flush()
        return Subject(None, repository.current())

    def collect(_: Subject) -> Numbers:
        return collect_statistics(recorder.requests.items(), recorder.runs.items())

    def encode_all(subject: Subject) -> bytes:
        asked = describe.ready_versions(subject.choice, None, None)
        return msgspec.json.encode(
            {"model_stats": describe.describe_statistics(asked, collect(subject))}
        )

    numbers, everything = Document(now, collect), Document(now, encode_all)

    @router.get("/models/stats", summary="Statistics of all models", response_model=StatisticsView)
    async def get_all_statistics() -> Response:
        """Return request counts and the time spent in each phase."""
        return DocumentResponse(encoded(await everything.get()))

    @router.get(
        VERSION + "/stats",
        summary="Statistics of one version",
        response_model=StatisticsView,
        responses=pick(404, 503),
    )
    @router.get(
        MODEL + "/stats",
        summary="Statistics of a model",
        response_model=StatisticsView,
        responses=pick(404, 503),
    )
    async def get_model_statistics(model_name: str, model_version: str | None = None) -> Response:
        """Return request counts and the time spent in each phase."""
        version = None if model_version is None else read_version(model_version)
        asked = list(describe.ready_versions(repository.current(), model_name, version))
        described = describe.describe_statistics(asked, await numbers.get())
        return Response(
            msgspec.json.encode({"model_stats": described}), media_type="application/json"
        )
