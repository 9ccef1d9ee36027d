"""What other servers' clients read: the models and their states, and the version of the server."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, BeforeValidator

from inference.errors import ConflictError, NotReadyError
from inference.runtime.documents import Document, Subject
from inference.serving.versions import find_servable, read_version
from inference.web.documents import DocumentResponse
from inference.web.errors.oip import encode as encode_error
from inference.web.v2.documents import encode_names
from inference.web.v2.schemas import ErrorView, ModelNames

if TYPE_CHECKING:
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Version, VersionState

_Number = Annotated[int, Path(ge=1), BeforeValidator(read_version)]
# As in tensorflow_serving/apis/get_model_status.proto.
_STATES: dict[VersionState, str] = {
    "ready": "AVAILABLE",
    "loading": "LOADING",
    "quarantined": "END",
    "unloaded": "END",
}


class StatusOfVersion(BaseModel):
    """Why a version does not answer; ``OK`` and an empty message if it does."""

    error_code: str
    error_message: str


class StateOfVersion(BaseModel):
    """The state of a version, as TensorFlow Serving has it."""

    version: str
    state: Literal["LOADING", "AVAILABLE", "END"]
    status: StatusOfVersion


class StateOfModel(BaseModel):
    """The state of a model, as KServe and TensorFlow Serving have it."""

    name: str
    ready: bool
    model_version_status: list[StateOfVersion]


class UnreadyModel(StateOfModel, ErrorView):
    """A model that is not ready."""


_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "The model or version does not exist"},
    503: {"model": UnreadyModel, "description": "The model is not ready"},
}


def adapters_router(repository: Repository) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["other protocols"])
    _add_models(router, repository)

    @router.get("/version", summary="Version of the service", response_class=PlainTextResponse)
    async def show_version_of_service() -> str:
        """Return the version of the service, not of MLflow, as text."""
        return distribution_version("inference")

    return router


def _add_models(router: APIRouter, repository: Repository) -> None:
    names = Document(lambda: Subject(repository.current()), encode_names)

    @router.get("/v1/models", summary="List the models that are ready", response_model=ModelNames)
    async def list_v1_models() -> DocumentResponse:
        """Return the names of the models that are ready."""
        return DocumentResponse(await names.get())

    @router.get(
        "/v1/models/{model_name}",
        summary="State of a model",
        response_model=StateOfModel,
        responses=_ERRORS,
    )
    async def show_v1_model(model_name: str) -> StateOfModel | Response:
        """Return 200 if the model is ready, with the state of each version."""
        return await _show(repository, model_name, None)

    @router.get(
        "/v1/models/{model_name}/versions/{version}",
        summary="State of a version",
        response_model=StateOfModel,
        responses=_ERRORS
        | {400: _ERRORS[404] | {"description": "The version is no number above 0"}},
    )
    async def show_v1_version(model_name: str, version: _Number) -> StateOfModel | Response:
        """Return 200 if the version is ready."""
        return await _show(repository, model_name, version)


async def _show(repository: Repository, name: str, version: int | None) -> StateOfModel | Response:
    asked = None if version is None else str(version)
    refused: Exception | None = None
    try:
        await repository.find(lambda snapshot: find_servable(snapshot, name, asked))
    except (NotReadyError, ConflictError) as error:
        refused = error
    model = repository.current().model(name)
    shown = model.versions.values() if version is None else [model.version(version)]
    states = [_describe(each) for each in reversed(list(shown))]
    if refused is None:
        return StateOfModel(name=name, ready=True, model_version_status=states)
    described = [state.model_dump() for state in states]
    return encode_error(
        refused, name=name, ready=False, model_version_status=described
    ).to_starlette()


def _describe(version: Version) -> StateOfVersion:
    is_ready = version.state == "ready"
    status = StatusOfVersion(
        error_code="OK" if is_ready else "UNAVAILABLE",
        error_message="" if is_ready else version.reason or version.state,
    )
    return StateOfVersion.model_validate(
        {"version": str(version.number), "state": _STATES[version.state], "status": status}
    )
