"""The description of liveness and readiness; :mod:`inference.web.probes` answers them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from inference.web.probes import LIVENESS, READINESS


class Health(BaseModel):
    """Whether the service is alive, or ready."""

    status: str
    models: int


def health_router() -> APIRouter:
    """Build the routes. They are never called: the answers come from before FastAPI."""
    router = APIRouter(tags=["health"])

    @router.get(LIVENESS, summary="Liveness")
    async def check_liveness() -> Health:
        """Return 200 while the process is running."""
        raise NotImplementedError  # inference.web.probes answers before FastAPI

    @router.get(
        READINESS,
        summary="Readiness",
        responses={503: {"model": Health, "description": "The service is starting or stopping"}},
    )
    async def check_readiness() -> Health:
        """Return 200 once the models found at startup are examined, until shutdown begins."""
        raise NotImplementedError  # inference.web.probes answers before FastAPI

    return router
