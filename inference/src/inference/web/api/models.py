"""The routes that list models, select one, and pin a version."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator

from inference.errors import NotReadyError
from inference.repository.operator_state import Selection, State
from inference.runtime.documents import Document, Documents, Subject
from inference.serving.versions import read_version
from inference.web.api.model_documents import ModelsDocument, encode_model, encode_version
from inference.web.api.schemas import (
    ActivationResult,
    ActiveChange,
    ModelDetail,
    ModelsView,
    Problem,
    SelectionResult,
    SelectionView,
    VersionDetail,
)
from inference.web.documents import DocumentResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inference.repository.operator_state import StateFile
    from inference.repository.repository import Repository
    from inference.web.documents import Encoded

T = TypeVar("T")

_SWAP_SECONDS = 60
# As in the paths of predictions: Python's int() reads "+1" and "1\n", too.
_Number = Annotated[int, Path(ge=1), BeforeValidator(read_version)]
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not UTF-8, or is nested too deeply"},
    404: {"model": Problem, "description": "The model or version does not exist"},
    409: {"model": Problem, "description": "The model exists but is not available"},
    413: {"model": Problem, "description": "The body is too large"},
    415: {"model": Problem, "description": "This route does not accept compressed bodies"},
    503: {"model": Problem, "description": "Not ready yet, or the state cannot be saved"},
}


def models_router(
    repository: Repository, state_file: StateFile, source: Callable[[], Any] = lambda: None
) -> APIRouter:
    """Build the routes.

    Args:
        repository: The models.
        state_file: Stores the selection and the pins.
        source: Describes the object store that models are copied from.
    """
    router = APIRouter(tags=["models"])
    _add_documents(router, repository, source)
    _add_selection(router, repository, state_file)
    _add_activation(router, repository, state_file)
    return router


def _add_documents(router: APIRouter, repository: Repository, source: Callable[[], Any]) -> None:
    listed = Document(lambda: Subject(repository.current(), source()), ModelsDocument().encode)
    shown: Documents[Encoded] = Documents()

    @router.get("/models", summary="List all models", response_model=ModelsView)
    async def list_models() -> DocumentResponse:
        """Return every model with its state, versions, features, classes and metrics."""
        return _negotiated(await listed.get())

    @router.get(
        "/models/{name}",
        summary="Show one model and its contract",
        response_model=ModelDetail,
        responses=pick_problems(404),
    )
    async def get_model(name: str) -> DocumentResponse:
        """Return the contract of a model, the tensors of its ONNX graph, and how it is served."""

        def current() -> Subject:
            snapshot = repository.current()
            return Subject(snapshot.model(name), snapshot.state.selection)

        current()  # or there is no such model
        return _negotiated(await shown.of(name, current, encode_model).get())

    @router.get(
        "/models/{name}/versions/{version}",
        summary="Show one version and its contract",
        response_model=VersionDetail,
        responses=pick_problems(404),
    )
    async def get_version(name: str, version: _Number) -> DocumentResponse:
        """Return the state of a version, and its contract and tensors while it is loaded."""

        def current() -> Subject:
            model = repository.current().model(name)
            model.version(version)
            return Subject(model)

        current()  # or there is no such version
        encode = partial(encode_version, version)
        return DocumentResponse(await shown.of((name, version), current, encode).get())


def _add_selection(router: APIRouter, repository: Repository, state_file: StateFile) -> None:
    @router.post(
        "/select-model/",
        summary="Select the model for /predict/",
        responses=pick_problems(404, 409, 415, 503),
    )
    async def select_model(
        model: Annotated[str, Query(description="A model that is ready.")],
        version: Annotated[
            int | None, Query(ge=1, description="Leave it empty for the active version.")
        ] = None,
    ) -> SelectionResult:
        """Select a model. The selection applies to all workers and survives restarts."""
        chosen = Selection(model, version)
        async with repository.holding(model, [] if version is None else [version]) as loading:
            servables = await within_swap(loading)
            servable = servables[version] if version else repository.current().servable(model)
            await state_file.change(lambda state: msgspec.structs.replace(state, selection=chosen))
        return SelectionResult(
            selected=SelectionView(model=model, version=version),
            active_version=servable.version,
            message=f"/predict/ now answers with model '{model}', version {servable.version}",
        )


def _add_activation(router: APIRouter, repository: Repository, state_file: StateFile) -> None:
    @router.put(
        "/models/{name}/active",
        summary="Pin a version, or use the highest ready one",
        responses=pick_problems(400, 404, 409, 413, 415, 503),
    )
    async def set_active_version(name: str, change: ActiveChange) -> ActivationResult:
        """Pin a version to roll back, or use the highest ready version again.

        Both end a split and a shadow of the model.
        """
        if change.version == "latest":
            repository.current().model(name)
            await state_file.change(lambda state: _pin(state, name, None))
        else:
            version = change.version
            async with repository.holding(name, [version]) as loading:
                await within_swap(loading)
                await state_file.change(lambda state: _pin(state, name, version))
        model = repository.current().model(name)
        active = model.active.version if model.active else None
        return ActivationResult(model=name, active_version=active, pinned_version=model.pinned)


def _negotiated(document: Encoded) -> DocumentResponse:
    """Return the response of a path that also has a page, see :mod:`inference.web.pages`."""
    response = DocumentResponse(document)
    response.headers["vary"] = "Accept"
    return response


async def within_swap(loading: Awaitable[T]) -> T:
    """Wait for versions that are being loaded.

    Raises:
        NotReadyError: It takes too long.
    """
    try:
        async with asyncio.timeout(_SWAP_SECONDS):
            return await loading
    except TimeoutError:
        raise NotReadyError(
            f"it was not loaded within {_SWAP_SECONDS} seconds; try again"
        ) from None


def _pin(state: State, name: str, version: int | None) -> State:
    pins = {model: pinned for model, pinned in state.pins.items() if model != name}
    if version is not None:
        pins[name] = version
    # A pin is a rollback: it must not need a second request.
    traffic = {model: split for model, split in state.traffic.items() if model != name}
    return msgspec.structs.replace(state, pins=pins, traffic=traffic)


def pick_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of errors by their status."""
    return {status: _PROBLEMS[status] for status in statuses}
