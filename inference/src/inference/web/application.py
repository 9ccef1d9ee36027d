"""FastAPI's application: every route except the fast ones and the probes.

Imported late, by the thread that builds it: see :mod:`inference.web.deferred`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import Request  # noqa: TC002 - FastAPI reads it
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from inference.errors import ParametersError, RequestError, RookeryError
from inference.web.adapters.documents import adapters_router
from inference.web.api.docs_page import add_docs_pages
from inference.web.api.drift import drift_router
from inference.web.api.feedback import feedback_router
from inference.web.api.health import health_router
from inference.web.api.live import live_router
from inference.web.api.metrics import metrics_router
from inference.web.api.model_source import describe_source
from inference.web.api.models import models_router
from inference.web.api.traffic import traffic_router
from inference.web.errors.by_path import encode_error
from inference.web.methods import Methods
from inference.web.openapi.document import OpenApiDocument, operation_id
from inference.web.openapi.headers.headers import FurtherHeaders
from inference.web.v2.router import oip_router

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI
    from starlette.responses import Response

    from inference.monitoring.setup import Monitoring
    from inference.repository.operator_state import StateFile
    from inference.repository.repository import Repository
    from inference.serving.readiness import Readiness
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.traffic import RecentTraffic
    from inference.web.pages.router import Pages
    from inference.web.trusted_proxies import Proxies

_NO_SURROGATES = "surrogates not allowed"  # what Python says of half a pair


@dataclass(frozen=True, kw_only=True)
class RouteParts:
    """What the routes are made of.

    Attributes:
        settings: The settings.
        repository: The models.
        state_file: The operator's choices.
        recorder: The metrics.
        readiness: Whether traffic may be sent here.
        proxies: The trusted proxies.
        pages: What people see.
        monitoring: What watches the service.
        traffic: The requests of the last minutes.
        is_keyed: Whether keys are required.
        is_fast: Whether a path is a fast route, which the application does not have.
    """

    settings: Settings
    repository: Repository
    state_file: StateFile
    recorder: Recorder
    readiness: Readiness
    proxies: Proxies
    pages: Pages
    monitoring: Monitoring
    traffic: RecentTraffic
    is_keyed: bool
    is_fast: Callable[[str], bool]


def build_application(parts: RouteParts) -> Methods:
    """Build the application with all of its routes."""
    app = _make_fastapi(parts)
    return Methods(app, app, parts.is_fast)


def _make_fastapi(parts: RouteParts) -> FastAPI:
    settings, repository = parts.settings, parts.repository
    app: FastAPI = FastAPIOffline(
        title="Rookery",
        version=version("inference"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    add_docs_pages(app, parts.proxies)
    numbered = settings.state_url is not None
    headers = FurtherHeaders(keyed=parts.is_keyed, numbered=numbered)
    OpenApiDocument(app, repository, headers=headers, proxies=parts.proxies).install()
    parts.pages.install(app)
    source = partial(describe_source, settings.models_url, parts.recorder.sync)
    app.include_router(models_router(repository, parts.state_file, source))
    app.include_router(drift_router(repository, parts.monitoring))
    app.include_router(live_router(repository, parts.monitoring, parts.traffic))
    app.include_router(feedback_router(parts.monitoring.feedback))
    app.include_router(traffic_router(repository, parts.state_file, parts.recorder))
    app.include_router(health_router())
    app.include_router(
        metrics_router(
            parts.recorder, repository, parts.monitoring, aliases=settings.metric_aliases
        )
    )
    app.include_router(
        oip_router(repository, parts.state_file, parts.recorder, settings, parts.readiness)
    )
    app.include_router(adapters_router(repository))
    _answer_errors(app)

    @app.get("/", include_in_schema=False)
    async def root(request: Request) -> RedirectResponse:
        return RedirectResponse(f"{parts.proxies.prefix(request.scope)}/docs")

    return app


def _answer_errors(app: FastAPI) -> None:
    """Answer the errors of all routes of an app."""

    async def handle(request: Request, error: Exception) -> Response:
        if isinstance(error, RequestValidationError):
            error = ParametersError("; ".join(map(_describe_fault, error.errors())))
        if isinstance(error, UnicodeEncodeError) and error.reason == _NO_SURROGATES:
            error = RequestError(
                "the body holds half of a surrogate pair, which is not Unicode text"
            )
        return encode_error(error, request.scope["path"]).to_starlette()

    # pydantic raises UnicodeEncodeError for half of a surrogate pair.
    handled = (RookeryError, HTTPException, RequestValidationError, UnicodeEncodeError, Exception)
    for kind in handled:
        app.add_exception_handler(kind, handle)


def _describe_fault(fault: Mapping[str, Any]) -> str:
    """Say where something does not fit, and why, of what pydantic has found."""
    if fault["type"] == "json_invalid":
        return f"the body is not JSON: {fault['ctx']['error']} (byte {fault['loc'][-1]})"
    if isinstance(fault["input"], bytes):  # FastAPI has not parsed it
        return "the body is not read as JSON: send the header 'Content-Type: application/json'"
    reason = fault["msg"].removeprefix("Value error, ")
    return f"{'.'.join(map(str, fault['loc']))}: {reason}"
