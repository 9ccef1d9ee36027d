"""The routes that split a model's requests between versions, and let a version shadow them."""

from __future__ import annotations

import math
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter

from inference.errors import ConflictError
from inference.monitoring.rollout.gates import measure, measure_p99_seconds
from inference.repository.traffic.choice import Gates, Shadow, Traffic
from inference.repository.traffic.fit import check_shadow, check_split
from inference.runtime.documents import run_aside
from inference.web.api.model_documents import describe_traffic
from inference.web.api.models import pick_problems, within_swap
from inference.web.api.traffic_schemas import (
    DecisionView,
    GatesChange,
    MeasuresView,
    TrafficChange,
    TrafficState,
    TrafficView,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from inference.model.servable import Servable
    from inference.repository.operator_state import State, StateFile
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Model
    from inference.repository.traffic.choice import Decision
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.rollout_counts import Key, Tally

_ID_BYTES = 6


def traffic_router(repository: Repository, state_file: StateFile, recorder: Recorder) -> APIRouter:
    """Build the routes.

    Args:
        repository: The models.
        state_file: Stores the choice.
        recorder: What was counted of rollouts.
    """
    router = APIRouter(tags=["models"])

    view = partial(_show, repository, recorder)

    @router.get(
        "/models/{name}/traffic",
        summary="Show the split and the shadow of a model",
        responses=pick_problems(404),
    )
    async def get_traffic(name: str) -> TrafficView:
        """Return how the requests of a model are answered."""
        return await view(name)

    _add_changes(router, repository, state_file, view)
    return router


def _add_changes(
    router: APIRouter,
    repository: Repository,
    state_file: StateFile,
    view: Callable[[str], Awaitable[TrafficView]],
) -> None:
    @router.put(
        "/models/{name}/traffic",
        summary="Split requests between versions, or let a version shadow them",
        responses=pick_problems(400, 404, 409, 413, 415, 503),
    )
    async def set_traffic(name: str, change: TrafficChange) -> TrafficView:
        """Replace the split and the shadow of a model.

        They apply to all workers and survive restarts. A pin stays and answers again when the
        split ends; to pin a version ends both.
        """
        wanted = _to_traffic(change)
        repository.current().model(name)
        async with repository.holding(name, wanted.versions) as loading:
            servables = await within_swap(loading)
            _check(repository.current().model(name), wanted, servables)
            await state_file.change(lambda state: _with(state, name, wanted))
            return await view(name)

    @router.delete(
        "/models/{name}/traffic",
        summary="End the split and the shadow of a model",
        responses=pick_problems(404, 415, 503),
    )
    async def end_traffic(name: str) -> TrafficView:
        """Let the pinned version answer all requests, or else the highest ready one."""
        repository.current().model(name)
        await state_file.change(lambda state: without_traffic(state, name))
        return await view(name)


async def _show(repository: Repository, recorder: Recorder, name: str) -> TrafficView:
    snapshot = repository.current()
    model = snapshot.model(name)
    tallies = await run_aside(recorder.rollouts.add_up) if model.traffic else {}
    return _view(model, snapshot.state.decisions.get(name), tallies)


def without_traffic(state: State, name: str) -> State:
    """Return a state in which a model has neither split nor shadow."""
    kept = {model: traffic for model, traffic in state.traffic.items() if model != name}
    return msgspec.structs.replace(state, traffic=kept)


def _with(state: State, name: str, traffic: Traffic) -> State:
    before = state.traffic.get(name)
    if before is not None and msgspec.structs.replace(traffic, id=before.id) == before:
        return state  # what was counted goes on
    decisions = {model: known for model, known in state.decisions.items() if model != name}
    traffics = {**state.traffic, name: traffic}
    return msgspec.structs.replace(state, traffic=traffics, decisions=decisions)


def _to_traffic(change: TrafficChange) -> Traffic:
    shadow = change.shadow
    return Traffic(
        os.urandom(_ID_BYTES).hex(),
        {version: float(share) for version, share in (change.split or {}).items()},
        None if shadow is None else Shadow(shadow.version, float(shadow.percent)),
        None if change.sticky is None else change.sticky.lower(),
        None if change.promote is None else _to_gates(change.promote),
    )


def _to_gates(change: GatesChange) -> Gates:
    return Gates(**change.model_dump())


def _check(model: Model, traffic: Traffic, servables: Mapping[int, Servable]) -> None:
    """Check that the versions fit each other.

    Raises:
        ConflictError: They do not, or the shadow is what answers.
    """
    split = traffic.split
    if split:
        main = servables[max(split, key=lambda version: (split[version], -version))]
        for version in split:
            check_split(main, servables[version])
        answering = [servables[version] for version in split]
    else:
        answering = [model.unsplit] if model.unsplit is not None else []
    if traffic.shadow is None:
        return
    number = traffic.shadow.version
    if not answering:
        raise ConflictError(f"no version of model '{model.name}' answers: {model.reason}")
    for one in answering:
        if one.version == number:
            raise ConflictError(
                f"version {number} of model '{model.name}' answers its requests: a shadow is "
                "another version. Pin the version that shall answer, with PUT "
                f"/models/{model.name}/active, or name it in a split"
            )
        check_shadow(one, servables[number])


def _view(model: Model, decision: Decision | None, tallies: Mapping[Key, Tally]) -> TrafficView:
    described = describe_traffic(model)
    measured = None
    if model.traffic is not None and (model.traffic.shadow or model.traffic.promote):
        found = measure(model, model.traffic, tallies)
        values: dict[str, Any] = {name: _finite(value) for name, value in found._asdict().items()}
        seconds = measure_p99_seconds(model, model.traffic, tallies)
        values["p99_seconds"] = {str(version): value for version, value in seconds.items()}
        measured = MeasuresView(new_version=model.traffic.new_version, **values)
    return TrafficView(
        model=model.name,
        active_version=model.active.version if model.active else None,
        traffic=None if described is None else TrafficState(**described),
        measured=measured,
        decision=None if decision is None else DecisionView(**msgspec.to_builtins(decision)),
    )


def _finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None
