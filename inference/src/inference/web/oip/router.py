"""Every route under ``/v2`` but inference, which is :mod:`inference.web.oip.infer`."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from inference.errors import ConflictError, NotReadyError, RequestError
from inference.repository.switch import load_model, unload_model
from inference.web.body import ClientGoneError, read_body
from inference.web.oip import describe
from inference.web.oip.error import respond
from inference.web.oip.views import (
    ErrorView,
    IndexEntry,
    IndexRequest,
    Live,
    Loaded,
    ModelConfig,
    ModelMetadata,
    ModelNames,
    ModelNotReady,
    ModelReady,
    RepositoryRequest,
    ServerMetadata,
    ServerNotReady,
    ServerReady,
    StatisticsView,
    Unloaded,
)
from inference.web.version import find_servable, read_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.state import StateFile
    from inference.serving.statistics import ModelStatistics
    from inference.settings import Settings

    Numbers = dict[tuple[str, int], ModelStatistics]

T = TypeVar("T", bound=msgspec.Struct)

_MODEL = "/models/{model_name}"
_VERSION = _MODEL + "/versions/{model_version}"
_TOLD: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorView, "description": "The request is not what the protocol takes"},
    404: {"model": ErrorView, "description": "No such model or version"},
    413: {"model": ErrorView, "description": "Over the limit on bytes or rows"},
    500: {"model": ErrorView, "description": "The model, or the service, failed"},
    503: {"model": ErrorView, "description": "It is there and does not answer, or cannot be kept"},
}


class _Index(msgspec.Struct):
    ready: bool = False


class _Parameters(msgspec.Struct):
    parameters: dict[str, Any] | None = None


def oip_router(
    repository: Repository,
    state_file: StateFile,
    statistics: Callable[[], Numbers],
    settings: Settings,
) -> APIRouter:
    """Make the routes.

    Args:
        repository: Where the models are.
        state_file: Where unloaded models are noted.
        statistics: Adds up the numbers of every version.
        settings: The limit on bodies.
    """
    router = APIRouter(prefix="/v2", tags=["open inference protocol"])
    _add_server(router, repository)
    _add_statistics(router, repository, statistics)  # before "stats" is taken for a model's name
    _add_models(router, repository)
    _add_repository(router, repository, state_file, settings.max_body_bytes)
    return router


def _add_server(router: APIRouter, repository: Repository) -> None:
    @router.get("", summary="What this server can do")
    async def server_metadata() -> ServerMetadata:
        """Name the server and the extensions of the protocol that it implements."""
        return ServerMetadata(
            name=describe.SERVER_NAME,
            version=distribution_version("inference"),
            extensions=describe.EXTENSIONS,
        )

    @router.get("/health/live", summary="Does the server live?")
    async def server_live() -> Live:
        """Answer as long as the process lives."""
        return Live(live=True)

    @router.get(
        "/health/ready",
        summary="Is the server ready for traffic?",
        response_model=ServerReady,
        responses={503: {"model": ServerNotReady, "description": "Models are being examined"}},
    )
    async def server_ready() -> ServerReady | Response:
        """Answer 200 once the models found at the start have been examined."""
        if repository.current().complete:
            return ServerReady(ready=True, live=True)
        error = NotReadyError("the models found at the start are still being examined")
        return respond(error, ready=False, live=True)


def _add_models(router: APIRouter, repository: Repository) -> None:
    async def find(name: str, version: str | None) -> Servable:
        return await repository.find(lambda snapshot: find_servable(snapshot, name, version))

    @router.get("/models", summary="The models that answer")
    async def models() -> ModelNames:
        """Name every model that answers."""
        return ModelNames(models=repository.current().ready_names)

    @router.get(_VERSION, summary="What one version takes and gives", responses=_pick(404, 503))
    @router.get(_MODEL, summary="What a model takes and gives", responses=_pick(404, 503))
    async def model_metadata(model_name: str, model_version: str | None = None) -> ModelMetadata:
        """Describe inputs, outputs and contract."""
        servable = await find(model_name, model_version)
        model = repository.current().model(model_name)
        return describe.describe_metadata(model, servable, whole=model_version is None)

    not_ready: dict[int | str, dict[str, Any]] = {
        503: {"model": ModelNotReady, "description": "It is there and does not answer"}
    }

    @router.get(
        _VERSION + "/ready",
        summary="Does one version answer?",
        response_model=ModelReady,
        responses=_pick(404) | not_ready,
    )
    @router.get(
        _MODEL + "/ready",
        summary="Does a model answer?",
        response_model=ModelReady,
        responses=_pick(404) | not_ready,
    )
    async def model_ready(
        model_name: str, model_version: str | None = None
    ) -> ModelReady | Response:
        """Answer 200 when the model, or that version of it, answers."""
        try:
            await find(model_name, model_version)
        except (NotReadyError, ConflictError) as error:
            return respond(error, name=model_name, ready=False)
        return ModelReady(name=model_name, ready=True)

    @router.get(
        _VERSION + "/config", summary="One version's configuration", responses=_pick(404, 503)
    )
    @router.get(_MODEL + "/config", summary="A model's configuration", responses=_pick(404, 503))
    async def model_config(model_name: str, model_version: str | None = None) -> ModelConfig:
        """Describe a model in the words of Triton's configuration."""
        servable = await find(model_name, model_version)
        return describe.describe_config(repository.current().model(model_name), servable)


def _add_statistics(
    router: APIRouter, repository: Repository, statistics: Callable[[], Numbers]
) -> None:
    @router.get("/models/stats", summary="Every model's numbers")
    async def all_statistics() -> StatisticsView:
        """Tell how many requests there were, and what they spent where."""
        return view(None, None)

    @router.get(_VERSION + "/stats", summary="One version's numbers", responses=_pick(404, 503))
    @router.get(_MODEL + "/stats", summary="A model's numbers", responses=_pick(404, 503))
    async def model_statistics(model_name: str, model_version: str | None = None) -> StatisticsView:
        """Tell how many requests there were, and what they spent where."""
        return view(model_name, model_version)

    def view(name: str | None, spelt: str | None) -> StatisticsView:
        version = None if spelt is None else read_version(spelt)
        asked = describe.ready_versions(repository.current(), name, version)
        return StatisticsView(model_stats=describe.describe_statistics(asked, statistics()))


def _add_repository(
    router: APIRouter, repository: Repository, state_file: StateFile, max_bytes: int
) -> None:
    @router.post(
        "/repository/index",
        summary="Everything that lies in the models folder",
        responses=_pick(400, 413),
        openapi_extra=_body(IndexRequest),
    )
    async def repository_index(request: Request) -> list[IndexEntry]:
        """List every version with its state, and why it does not answer."""
        asked = await _read(request, _Index, max_bytes)
        return describe.list_index(repository.current(), ready=asked.ready)

    @router.post(
        "/repository/models/{model_name}/load",
        summary="Put a model into service",
        responses=_pick(400, 404, 413, 503),
        openapi_extra=_body(RepositoryRequest),
    )
    async def repository_load(request: Request, model_name: str) -> Loaded:
        """Load a model; answered when it answers. It stays loaded over restarts."""
        await _read(request, _Parameters, max_bytes)
        try:
            await load_model(repository, state_file, model_name)
        except ConflictError as error:  # to try again would not help, so it is no 503
            raise RequestError(str(error)) from None
        return Loaded(name=model_name)

    @router.post(
        "/repository/models/{model_name}/unload",
        summary="Take a model out of service",
        responses=_pick(400, 404, 413, 503),
        openapi_extra=_body(RepositoryRequest),
    )
    async def repository_unload(request: Request, model_name: str) -> Unloaded:
        """Unload a model. It stays unloaded over restarts, until it is loaded again."""
        await _read(request, _Parameters, max_bytes)
        unload_model(repository, state_file, model_name)
        return Unloaded(name=model_name)


async def _read(request: Request, kind: type[T], max_bytes: int) -> T:
    """Read a body that may be missing, whatever its Content-Type says."""
    try:
        body = await read_body(request.scope["headers"], request.receive, max_bytes=max_bytes)
    except ClientGoneError:
        raise RequestError("the request is not complete") from None
    if not body.strip():
        return kind()
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RequestError(f"the body is not what this route takes: {error}") from None


def _pick(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _TOLD[status] for status in statuses}


def _body(model: type[IndexRequest | RepositoryRequest]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}
