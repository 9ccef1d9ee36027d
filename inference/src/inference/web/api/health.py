"""The description of liveness and readiness; :mod:`inference.web.probes` answers them."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from inference.web.openapi.error_responses import MLFLOW
from inference.web.probes import HEALTH, LIVENESS, PING, READINESS


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

    unready = {"content": MLFLOW, "description": "The service is starting or stopping"}
    empty = {"description": "The service is ready; the body is empty"}
    for path, name in ((PING, "ping"), (HEALTH, "get_health")):

        @router.get(
            path,
            name=name,
            summary="Readiness, for SageMaker's and MLflow's clients",
            response_class=Response,
            responses={200: empty, 503: unready},
        )
        async def check() -> None:
            """Return 200 with an empty body if the service is ready."""
            raise NotImplementedError  # inference.web.probes answers before FastAPI

    return router
