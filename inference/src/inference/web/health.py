"""Liveness and readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from pydantic import BaseModel

if TYPE_CHECKING:
    from inference.repository.repository import Repository


class Health(BaseModel):
    """Whether the service lives, or is ready."""

    status: str
    models: int


def health_router(repository: Repository) -> APIRouter:
    """Make the routes; ready means that what the first scan found has been examined."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Is the process alive?")
    async def healthz() -> Health:
        """Answer as long as the process lives."""
        return Health(status="alive", models=len(repository.current().ready_names))

    @router.get(
        "/readyz",
        summary="Is it ready for traffic?",
        responses={503: {"model": Health, "description": "Models are still being examined"}},
    )
    async def readyz(response: Response) -> Health:
        """Answer 200 once the models found at the start have been examined."""
        snapshot = repository.current()
        if not snapshot.complete:
            response.status_code = 503
        status = "ready" if snapshot.complete else "starting"
        return Health(status=status, models=len(snapshot.ready_names))

    return router
