"""The route that shows how the versions of a model do: their traffic and their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field

from inference.runtime.documents import run_aside
from inference.web.api.models import pick_problems

if TYPE_CHECKING:
    from inference.monitoring.feedback.scores import Scores
    from inference.monitoring.setup import Monitoring
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Model
    from inference.telemetry.traffic import Figures, RecentTraffic

_MS = 1000
_SHOWN = 20  # versions


class ScoresView(BaseModel):
    """How well answers agree with the truth."""

    rows: int = Field(description="Rows with a truth.")
    accuracy: float | None = None
    macro_f1: float | None = None
    mean_absolute_error: float | None = None
    root_mean_squared_error: float | None = None


class WindowView(ScoresView):
    """The same, of the latest rows."""

    latest: int = Field(description="The most rows that are looked at.", examples=[1000])


class LiveVersionView(BaseModel):
    """One version."""

    version: int
    requests_per_second: float = Field(description="Over the last three minutes.")
    p99_seconds: float | None = Field(
        description="Of the requests of the last three minutes, estimated; null without requests."
    )
    held_out: ScoresView | None = Field(
        description="On held-out rows, from the contract; null if it is not loaded or not measured."
    )
    windows: list[WindowView] = Field(
        description="The latest rows whose truth came; empty without one."
    )


class LiveView(BaseModel):
    """How the versions of a model do."""

    model: str
    logged: bool = Field(description="Whether the prediction log is on, which feedback needs.")
    versions: list[LiveVersionView] = Field(
        description="Those that answer, have answered lately or have a truth; the highest first, "
        f"up to {_SHOWN}."
    )


def live_router(
    repository: Repository, monitoring: Monitoring, traffic: RecentTraffic
) -> APIRouter:
    """Build the route.

    Args:
        repository: The models.
        monitoring: What watches them.
        traffic: Their requests of the last minutes.
    """
    router = APIRouter(tags=["models"])

    @router.get(
        "/models/{name}/live",
        summary="Show how the versions of a model do",
        responses=pick_problems(404),
    )
    async def get_live(name: str) -> LiveView:
        """Return the traffic of each version, and how its answers agree with the truth.

        The truth comes by `POST /feedback`, and counts for the version that answered.
        """
        model = repository.current().model(name)
        truths = monitoring.truths
        scores = {} if truths is None else await run_aside(truths.scores)
        return LiveView(
            model=name,
            logged=truths is not None,
            versions=_describe(model, scores, traffic.by_version),
        )

    return router


def _describe(
    model: Model,
    scores: dict[tuple[str, int], dict[int, Scores]],
    recent: dict[tuple[str, str], Figures],
) -> list[LiveVersionView]:
    numbers = {version for name, version in scores if name == model.name}
    numbers |= {int(v) for name, v in recent if name == model.name and v.isdecimal()}
    answering = set() if model.active is None else {model.active.version}
    if model.traffic is not None:
        answering |= set(model.traffic.versions)
    # Those that answer first: an old version may be pinned.
    others = sorted(numbers - answering, reverse=True)
    shown = [*sorted(answering, reverse=True), *others][:_SHOWN]
    name = model.name
    return [
        _describe_version(model, n, scores.get((name, n), {}), recent.get((name, str(n))))
        for n in sorted(shown, reverse=True)
    ]


def _describe_version(
    model: Model, number: int, by_window: dict[int, Scores], recent: Figures | None
) -> LiveVersionView:
    version = model.versions.get(number)
    contract = version.servable.contract if version and version.servable else None
    metrics = contract.training.metrics if contract else None
    p99_ms = recent.p99_ms if recent else None
    return LiveVersionView(
        version=number,
        requests_per_second=recent.rate if recent else 0.0,
        p99_seconds=None if p99_ms is None else p99_ms / _MS,
        held_out=None if metrics is None else ScoresView(**msgspec.to_builtins(metrics)),
        windows=[
            WindowView(latest=window, **msgspec.to_builtins(found))
            for window, found in by_window.items()
        ],
    )
