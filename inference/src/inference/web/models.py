"""The routes about models: what is there, which one is selected, which version is active."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query

from inference.errors import NotReadyError
from inference.repository.state import Selection, State
from inference.web.views import (
    ActiveAnswer,
    ActiveChange,
    IgnoredView,
    ModelDetail,
    ModelsView,
    ModelView,
    Problem,
    Refusal,
    SelectionAnswer,
    SelectionView,
    VersionView,
)

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Model
    from inference.repository.state import StateFile

_SWAP_SECONDS = 60
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is no text, or is nested too deep"},
    404: {"model": Problem, "description": "No such model or version"},
    409: {"model": Problem, "description": "It is there and does not answer"},
    503: {"model": Problem, "description": "Not ready yet, or the state cannot be written"},
}


def models_router(repository: Repository, state_file: StateFile) -> APIRouter:
    """Make the routes.

    Args:
        repository: Where the models are.
        state_file: Where selection and pins are kept.
    """
    router = APIRouter(tags=["models"])

    @router.get("/models", summary="Every model")
    async def list_models() -> ModelsView:
        """List every model: its state, versions, features, classes and metrics."""
        snapshot = repository.current()
        selection = repository.state.selection
        return ModelsView(
            models=[ModelView(**_view(m, selection)) for m in snapshot.models.values()],
            selected=_selection_view(selection),
            ignored=[IgnoredView(path=i.path, reason=i.reason) for i in snapshot.ignored],
        )

    @router.get("/models/{name}", summary="One model, with its contract", responses=_pick(404))
    async def show_model(name: str) -> ModelDetail:
        """Show one model: the whole contract, the graph's signature, how it is served."""
        model = repository.current().model(name)
        return ModelDetail(**_view(model, repository.state.selection), **_detail(model.active))

    @router.post(
        "/select-model/", summary="Choose the model that /predict/ uses", responses=_pick()
    )
    async def select_model(
        model: Annotated[str, Query(description="A live model.")],
        version: Annotated[
            int | None, Query(ge=1, description="Only where it is not to be the active one.")
        ] = None,
    ) -> SelectionAnswer:
        """Select a model. It stays selected over restarts, and holds in every worker."""
        if version is not None:
            servable = await _within(repository.ensure(model, version))
        else:
            servable = repository.current().servable(model)
        chosen = Selection(model, version)
        state_file.update(lambda state: msgspec.structs.replace(state, selection=chosen))
        return SelectionAnswer(
            selected=SelectionView(model=model, version=version),
            active_version=servable.version,
            message=f"/predict/ now answers with model '{model}', version {servable.version}",
        )

    @router.put(
        "/models/{name}/active",
        summary="Pin a version, or follow the latest",
        responses=_pick(400, 404, 409, 503),
    )
    async def set_active(name: str, change: ActiveChange) -> ActiveAnswer:
        """Roll back to a version, or go back to following the highest good one."""
        if change.version == "latest":
            repository.current().model(name)
            state_file.update(lambda state: _pin(state, name, None))
        else:
            version = change.version
            await _within(repository.ensure(name, version))
            state_file.update(lambda state: _pin(state, name, version))
        model = repository.current().model(name)
        active = model.active.version if model.active else None
        return ActiveAnswer(model=name, active_version=active, pinned_version=model.pinned)

    return router


async def _within(loading: Any) -> Servable:
    try:
        async with asyncio.timeout(_SWAP_SECONDS):
            servable: Servable = await loading
            return servable
    except TimeoutError:
        raise NotReadyError(
            f"it was not loaded within {_SWAP_SECONDS} seconds; try again"
        ) from None


def _pin(state: State, name: str, version: int | None) -> State:
    pins = {model: pinned for model, pinned in state.pins.items() if model != name}
    if version is not None:
        pins[name] = version
    return msgspec.structs.replace(state, pins=pins)


def _pick(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _PROBLEMS[status] for status in statuses or (404, 409, 503)}


def _selection_view(selection: Selection | None) -> SelectionView | None:
    if selection is None:
        return None
    return SelectionView(model=selection.model, version=selection.version)


def _view(model: Model, selection: Selection | None) -> dict[str, Any]:
    active = model.active
    contract = active.contract if active else None
    metrics = contract.training.metrics if contract else None
    features = active.features if active else None
    versions = model.versions.values()
    return {
        "name": model.name,
        "state": model.state,
        "reason": model.reason or None,
        "active_version": active.version if active else None,
        "pinned_version": model.pinned,
        "loaded_versions": model.ready_versions,
        "versions": [
            VersionView(
                version=v.number,
                state=v.state,
                reason=v.reason or None,
                digest=v.servable.digest if v.servable else None,
            )
            for v in versions
        ],
        "quarantined": [
            Refusal(version=v.number, reason=v.reason) for v in versions if v.quarantined
        ],
        "selected": selection is not None and selection.model == model.name,
        "task": contract.task if contract else None,
        "features": [feature.name for feature in features] if features else None,
        "classes": contract.classes if contract else None,
        "metrics": msgspec.to_builtins(metrics) if metrics else None,
    }


def _detail(active: Servable | None) -> dict[str, Any]:
    if active is None:
        return {"contract": None, "signature": None, "plan": None}
    return {
        "contract": msgspec.to_builtins(active.contract) if active.contract else None,
        "signature": {
            "inputs": [_tensor(spec) for spec in active.signature.inputs],
            "outputs": [_tensor(spec) for spec in active.signature.outputs],
        },
        "plan": msgspec.to_builtins(active.plan, str_keys=True),
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    datatype = spec.datatype or spec.onnx_type
    return {"name": spec.name, "datatype": datatype, "shape": list(spec.shape)}
