"""Composition: puts settings, repository, predictors and routes together.

Nothing happens at import; :func:`create_app` wires, and the lifespan starts and stops.
"""

from __future__ import annotations

import contextlib
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline

from inference.repository.repository import Repository
from inference.repository.state import StateFile
from inference.serving.dispatch import Dispatcher
from inference.serving.predict import Predictors
from inference.web import problem
from inference.web.health import health_router
from inference.web.models import models_router
from inference.web.openapi import OpenApiDocument
from inference.web.paths import TrailingSlash
from inference.web.predict import PredictRoutes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from inference.settings import Settings


def create_app(settings: Settings) -> ASGIApp:
    """Make the service; it begins to watch the models folder when its lifespan starts."""
    state_file = StateFile(settings.state_dir)
    repository = Repository(settings, state_file)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with repository.running():
            yield

    app: FastAPI = FastAPIOffline(
        title="Rookery",
        version=version("inference"),
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        swagger_ui_parameters={"tryItOutEnabled": False, "displayRequestDuration": True},
    )
    app.openapi = OpenApiDocument(app, repository).current  # type: ignore[method-assign]
    app.include_router(models_router(repository, state_file))
    app.include_router(health_router(repository))
    problem.install(app)

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    return PredictRoutes(
        TrailingSlash(app),
        repository=repository,
        predictors=Predictors(settings, Dispatcher()),
        max_body_bytes=settings.max_body_bytes,
    )
