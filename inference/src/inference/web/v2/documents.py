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

    from pydantic import BaseModel

    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Model
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.statistics import ModelStatistics
    from inference.web.documents import Encoded

    Numbers = dict[tuple[str, int], ModelStatistics]

_MODEL = "/models/{model_name}"
_VERSION = _MODEL + "/versions/{model_version}"
_ROUTES = {
    "": "Metadata",
    "/config": "Configuration",
    "/ready": "Readiness",
    "/stats": "Statistics",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorView, "description": "Invalid request; the message names what to change"},
    404: {"model": ErrorView, "description": "The model or version does not exist"},
    413: {"model": ErrorView, "description": "Too many bytes or rows"},
    415: {"model": ErrorView, "description": "This route does not accept compressed bodies"},
    503: {
        "model": ErrorView,
        "description": "The model is not available, or the change cannot be saved",
    },
}

_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {"model": ErrorView, "description": "The model is not available"}
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


def add_model_route(
    router: APIRouter,
    suffix: str,
    endpoint: Callable[..., Any],
    *,
    response_model: type[BaseModel],
    responses: dict[int | str, dict[str, Any]],
) -> None:
    """Add a GET route about a model, and the same about one of its versions.

    Args:
        router: The router.
        suffix: The end of the path, one of ``_ROUTES``.
        endpoint: Takes ``model_name`` and ``model_version``, which is optional.
        response_model: The schema of the response.
        responses: The descriptions of errors.
    """
    for path, subject in ((_MODEL, "a model"), (_VERSION, "one version")):
        router.get(
            path + suffix,
            summary=f"{_ROUTES[suffix]} of {subject}",
            response_model=response_model,
            responses=responses,
        )(endpoint)


class _Descriptions:
    """Cached documents about single models.

    Args:
        repository: The models.
        find: Returns the servable of a model or version.
    """

    def __init__(
        self, repository: Repository, find: Callable[[str, str | None], Awaitable[Servable]]
    ) -> None:
        self._repository = repository
        self._find = find
        self._documents: Documents[Encoded] = Documents()

    async def get(
        self,
        describe_it: Callable[[Model, Servable], dict[str, Any]],
        name: str,
        version: str | None,
    ) -> DocumentResponse:
        """Return the description of a model, or of one version."""
        number = (await self._find(name, version)).version

        def make(subject: Subject) -> Encoded:
            model: Model = subject.thing
            known = model.active if version is None else model.version(number).servable
            if known is None:
                raise NotReadyError(f"model '{name}' is being replaced; try again")
            return encoded(msgspec.json.encode(describe_it(model, known)))

        def current() -> Subject:
            return Subject(self._repository.current().model(name))

        key = (describe_it, name, None if version is None else number)
        return DocumentResponse(await self._documents.of(key, current, make).get())


def add_descriptions(
    router: APIRouter,
    repository: Repository,
    find: Callable[[str, str | None], Awaitable[Servable]],
) -> None:
    """Add the routes for metadata and configuration."""
    descriptions = _Descriptions(repository, find)

    async def get_model_metadata(
        model_name: str, model_version: str | None = None
    ) -> DocumentResponse:
        """Return inputs, outputs and contract."""
        describe_it = _describe_whole if model_version is None else _describe_one
        return await descriptions.get(describe_it, model_name, model_version)

    async def get_model_config(
        model_name: str, model_version: str | None = None
    ) -> DocumentResponse:
        """Return the configuration in Triton's format."""
        return await descriptions.get(describe.describe_config, model_name, model_version)

    errors = pick(404) | _UNAVAILABLE
    add_model_route(router, "", get_model_metadata, response_model=ModelMetadata, responses=errors)
    add_model_route(
        router,
        "/config",
        get_model_config,
        response_model=ModelConfig,
        responses=errors,
    )


def add_statistics(router: APIRouter, repository: Repository, recorder: Recorder) -> None:
    """Add the routes for statistics."""

    def now() -> Subject:
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

    async def get_model_statistics(model_name: str, model_version: str | None = None) -> Response:
        """Return request counts and the time spent in each phase."""
        version = None if model_version is None else read_version(model_version)
        asked = list(describe.ready_versions(repository.current(), model_name, version))
        described = describe.describe_statistics(asked, await numbers.get())
        return Response(
            msgspec.json.encode({"model_stats": described}), media_type="application/json"
        )

    add_model_route(
        router,
        "/stats",
        get_model_statistics,
        response_model=StatisticsView,
        responses=pick(404) | _UNAVAILABLE,
    )
