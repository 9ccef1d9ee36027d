"""Liveness and readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from pydantic import BaseModel

if TYPE_CHECKING:
    from inference.repository.repository import Repository
    from inference.serving.readiness import Readiness


class Health(BaseModel):
    """Whether the service lives, or is ready."""

    status: str
    models: int


def health_router(repository: Repository, readiness: Readiness) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Is the process alive?")
    async def check_liveness() -> Health:
        """Answer as long as the process lives."""
        return Health(status="alive", models=len(repository.current().ready_names))

    @router.get(
        "/readyz",
        summary="Is it ready for traffic?",
        responses={
            503: {"model": Health, "description": "Models are still being examined, or it stops"}
        },
    )
    async def check_readiness(response: Response) -> Health:
        """Answer 200 from when the models found at the start have been examined until it stops."""
        state = readiness.state
        if state != "ready":
            response.status_code = 503
        return Health(status=state, models=len(repository.current().ready_names))

    return router
