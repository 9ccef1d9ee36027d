"""Liveness and readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from pydantic import BaseModel

if TYPE_CHECKING:
    from inference.repository.repository import Repository
    from inference.serving.readiness import Readiness


class Health(BaseModel):
    """Whether the service is alive, or ready."""

    status: str
    models: int


def health_router(repository: Repository, readiness: Readiness) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Liveness")
    async def check_liveness() -> Health:
        """Return 200 while the process is running."""
        return Health(status="alive", models=len(repository.current().ready_names))

    @router.get(
        "/readyz",
        summary="Readiness",
        responses={503: {"model": Health, "description": "The service is starting or stopping"}},
    )
    async def check_readiness(response: Response) -> Health:
        """Return 200 once the models found at startup are examined, until shutdown begins."""
        state = readiness.state
        if state != "ready":
            response.status_code = 503
        return Health(status=state, models=len(repository.current().ready_names))

    return router
