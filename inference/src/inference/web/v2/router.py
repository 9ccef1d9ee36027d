"""All routes under ``/v2`` except inference, which is :mod:`inference.web.fast.infer`."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from inference.errors import ConflictError, NotReadyError, RequestError
from inference.oip import descriptions as describe
from inference.repository import operations as switch
from inference.runtime.documents import Document, Subject
from inference.serving.json_encoding import explain_refusal
from inference.serving.versions import find_servable
from inference.web.documents import DocumentResponse, encoded
from inference.web.errors.oip import encode as encode_error
from inference.web.message.body import ClientGoneError, read_body
from inference.web.v2.documents import (
    add_descriptions,
    add_model_route,
    add_statistics,
    encode_names,
    pick,
)
from inference.web.v2.schemas import (
    IndexEntry,
    IndexRequest,
    Live,
    Loaded,
    ModelNames,
    ModelNotReady,
    ModelReady,
    RepositoryRequest,
    ServerMetadata,
    ServerNotReady,
    ServerReady,
    Unloaded,
)

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.operator_state import StateFile
    from inference.repository.repository import Repository
    from inference.serving.readiness import Readiness
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.statistics import ModelStatistics
    from inference.web.documents import Encoded

    Numbers = dict[tuple[str, int], ModelStatistics]

T = TypeVar("T", bound=msgspec.Struct)


class _Index(msgspec.Struct):
    ready: bool = False


class _Parameters(msgspec.Struct):
    parameters: dict[str, Any] | None = None


def oip_router(
    repository: Repository,
    state_file: StateFile,
    recorder: Recorder,
    settings: Settings,
    readiness: Readiness,
) -> APIRouter:
    """Build the routes.

    Args:
        repository: The models.
        state_file: Stores which models are unloaded.
        recorder: Adds up the numbers of every version.
        settings: Limits the size of bodies.
        readiness: The readiness of the service.
    """
    router = APIRouter(prefix="/v2", tags=["open inference protocol"])
    _add_server(router, readiness)
    add_statistics(
        router, repository, recorder
    )  # before the route that would take "stats" for a model's name
    _add_models(router, repository)
    _add_repository(router, repository, state_file, settings.max_body_bytes)
    return router


def _add_server(router: APIRouter, readiness: Readiness) -> None:
    @router.get("", summary="Server metadata")
    async def get_server_metadata() -> ServerMetadata:
        """Return name and version of the server, and the protocol extensions it supports."""
        return ServerMetadata(
            name=describe.SERVER_NAME,
            version=distribution_version("inference"),
            extensions=describe.EXTENSIONS,
        )

    @router.get("/health/live", summary="Server liveness")
    async def check_server_liveness() -> Live:
        """Return 200 while the process is running."""
        return Live(live=True)

    @router.get(
        "/health/ready",
        summary="Server readiness",
        response_model=ServerReady,
        responses={
            503: {"model": ServerNotReady, "description": "The server is starting or stopping"}
        },
    )
    async def check_server_readiness() -> ServerReady | Response:
        """Return 200 once the models found at startup are examined, until shutdown begins."""
        if readiness.state == "ready":
            return ServerReady(ready=True, live=True)
        error = NotReadyError(readiness.reason)
        return encode_error(error, ready=False, live=True).to_starlette()


def _add_models(router: APIRouter, repository: Repository) -> None:
    async def find(name: str, version: str | None) -> Servable:
        return await repository.find(lambda snapshot: find_servable(snapshot, name, version))

    names = Document(lambda: Subject(repository.current()), encode_names)

    @router.get("/models", summary="List the models that are ready", response_model=ModelNames)
    async def list_ready_models() -> DocumentResponse:
        """Return the names of the models that are ready."""
        return DocumentResponse(await names.get())

    add_descriptions(router, repository, find)
    not_ready: dict[int | str, dict[str, Any]] = {
        503: {"model": ModelNotReady, "description": "The model exists but is not ready"}
    }

    async def check_model_readiness(
        model_name: str, model_version: str | None = None
    ) -> ModelReady | Response:
        """Return 200 if the model, or the version, is ready."""
        try:
            await find(model_name, model_version)
        except (NotReadyError, ConflictError) as error:
            return encode_error(error, name=model_name, ready=False).to_starlette()
        return ModelReady(name=model_name, ready=True)

    add_model_route(
        router,
        "/ready",
        check_model_readiness,
        response_model=ModelReady,
        responses=pick(404) | not_ready,
    )


def _add_repository(
    router: APIRouter, repository: Repository, state_file: StateFile, max_bytes: int
) -> None:
    def index(*, ready: bool) -> Document[Encoded]:
        def encode(subject: Subject) -> Encoded:
            return encoded(msgspec.json.encode(describe.list_index(subject.thing, ready=ready)))

        return Document(lambda: Subject(repository.current()), encode)

    indexes = {ready: index(ready=ready) for ready in (False, True)}

    @router.post(
        "/repository/index",
        summary="List the models folder",
        response_model=list[IndexEntry],
        responses=pick(400, 413, 415),
        openapi_extra=_body(IndexRequest),
    )
    async def list_repository(request: Request) -> DocumentResponse:
        """Return every version with its state, and the reason if it is not ready."""
        asked = await _read(request, _Index, max_bytes)
        return DocumentResponse(await indexes[asked.ready].get())

    @router.post(
        "/repository/models/{model_name}/load",
        summary="Load a model",
        responses=pick(400, 404, 413, 415, 503),
        openapi_extra=_body(RepositoryRequest),
    )
    async def load_model(request: Request, model_name: str) -> Loaded:
        """Load a model, and respond when it is ready. It stays loaded across restarts."""
        await _read(request, _Parameters, max_bytes)
        try:
            await switch.load_model(repository, state_file, model_name)
        except ConflictError as error:  # a retry would not help, so it is not 503
            raise RequestError(str(error)) from None
        return Loaded(name=model_name)

    @router.post(
        "/repository/models/{model_name}/unload",
        summary="Unload a model",
        responses=pick(400, 404, 413, 415, 503),
        openapi_extra=_body(RepositoryRequest),
    )
    async def unload_model(request: Request, model_name: str) -> Unloaded:
        """Unload a model. It stays unloaded across restarts, until you load it again."""
        await _read(request, _Parameters, max_bytes)
        await switch.unload_model(repository, state_file, model_name)
        return Unloaded(name=model_name)


async def _read(request: Request, kind: type[T], max_bytes: int) -> T:
    """Read a body, which may be empty, of any Content-Type."""
    try:
        body = await read_body(request.scope["headers"], request.receive, max_bytes=max_bytes)
    except ClientGoneError:
        raise RequestError("the request is incomplete") from None
    if not body.strip():
        return kind()
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RequestError(f"invalid body: {explain_refusal(error, body)}") from None


def _body(model: type[IndexRequest | RepositoryRequest]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}
