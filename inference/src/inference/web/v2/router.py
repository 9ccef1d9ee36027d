"""Every route under ``/v2`` but inference, which is :mod:`inference.web.fast.infer`."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from inference.errors import ConflictError, NotReadyError, RequestError
from inference.oip import descriptions as describe
from inference.repository import operations as switch
from inference.runtime.documents import Document, Subject
from inference.serving.versions import find_servable
from inference.web.documents import DocumentResponse, encoded
from inference.web.errors.oip import encode as encode_error
from inference.web.message.body import ClientGoneError, read_body
from inference.web.v2.documents import (
    MODEL,
    VERSION,
    add_descriptions,
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
    """Make the routes.

    Args:
        repository: Where the models are.
        state_file: Where unloaded models are noted.
        recorder: Adds up the numbers of every version.
        settings: The limit on bodies.
        readiness: Whether traffic may be sent here.
    """
    router = APIRouter(prefix="/v2", tags=["open inference protocol"])
    _add_server(router, readiness)
    add_statistics(router, repository, recorder)  # before "stats" is taken for a model's name
    _add_models(router, repository)
    _add_repository(router, repository, state_file, settings.max_body_bytes)
    return router


def _add_server(router: APIRouter, readiness: Readiness) -> None:
    @router.get("", summary="What this server can do")
    async def get_server_metadata() -> ServerMetadata:
        """Name the server and the extensions of the protocol that it implements."""
        return ServerMetadata(
            name=describe.SERVER_NAME,
            version=distribution_version("inference"),
            extensions=describe.EXTENSIONS,
        )

    @router.get("/health/live", summary="Does the server live?")
    async def check_server_liveness() -> Live:
        """Answer as long as the process lives."""
        return Live(live=True)

    @router.get(
        "/health/ready",
        summary="Is the server ready for traffic?",
        response_model=ServerReady,
        responses={503: {"model": ServerNotReady, "description": "Models are being examined"}},
    )
    async def check_server_readiness() -> ServerReady | Response:
        """Answer 200 from when the models found at the start have been examined until it stops."""
        if readiness.state == "ready":
            return ServerReady(ready=True, live=True)
        error = NotReadyError(readiness.reason)
        return encode_error(error, ready=False, live=True).to_starlette()


def _add_models(router: APIRouter, repository: Repository) -> None:
    async def find(name: str, version: str | None) -> Servable:
        return await repository.find(lambda snapshot: find_servable(snapshot, name, version))

    names = Document(lambda: Subject(repository.current()), encode_names)

    @router.get("/models", summary="The models that answer", response_model=ModelNames)
    async def list_ready_models() -> DocumentResponse:
        """Name every model that answers."""
        return DocumentResponse(await names.get())

    add_descriptions(router, repository, find)
    not_ready: dict[int | str, dict[str, Any]] = {
        503: {"model": ModelNotReady, "description": "It is there and does not answer"}
    }

    @router.get(
        VERSION + "/ready",
        summary="Does one version answer?",
        response_model=ModelReady,
        responses=pick(404) | not_ready,
    )
    @router.get(
        MODEL + "/ready",
        summary="Does a model answer?",
        response_model=ModelReady,
        responses=pick(404) | not_ready,
    )
    async def check_model_readiness(
        model_name: str, model_version: str | None = None
    ) -> ModelReady | Response:
        """Answer 200 when the model, or that version of it, answers."""
        try:
            await find(model_name, model_version)
        except (NotReadyError, ConflictError) as error:
            return encode_error(error, name=model_name, ready=False).to_starlette()
        return ModelReady(name=model_name, ready=True)


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
        summary="Everything that lies in the models folder",
        response_model=list[IndexEntry],
        responses=pick(400, 413, 415),
        openapi_extra=_body(IndexRequest),
    )
    async def list_repository(request: Request) -> DocumentResponse:
        """List every version with its state, and why it does not answer."""
        asked = await _read(request, _Index, max_bytes)
        return DocumentResponse(await indexes[asked.ready].get())

    @router.post(
        "/repository/models/{model_name}/load",
        summary="Put a model into service",
        responses=pick(400, 404, 413, 415, 503),
        openapi_extra=_body(RepositoryRequest),
    )
    async def load_model(request: Request, model_name: str) -> Loaded:
        """Load a model; answered when it answers. It stays loaded over restarts."""
        await _read(request, _Parameters, max_bytes)
        try:
            await switch.load_model(repository, state_file, model_name)
        except ConflictError as error:  # to try again would not help, so it is no 503
            raise RequestError(str(error)) from None
        return Loaded(name=model_name)

    @router.post(
        "/repository/models/{model_name}/unload",
        summary="Take a model out of service",
        responses=pick(400, 404, 413, 415, 503),
        openapi_extra=_body(RepositoryRequest),
    )
    async def unload_model(request: Request, model_name: str) -> Unloaded:
        """Unload a model. It stays unloaded over restarts, until it is loaded again."""
        await _read(request, _Parameters, max_bytes)
        await switch.unload_model(repository, state_file, model_name)
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


def _body(model: type[IndexRequest | RepositoryRequest]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}
