"""Composition: puts settings, repository, predictors and routes together.

Nothing happens at import; :func:`create_app` wires, and the lifespan starts and stops.
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from inference.access.body_budget import Bodies
from inference.access.rate_limit import RATE_TAGS, RATE_TIMES
from inference.access.setup import build_authorizer, build_request_log
from inference.admission.admission import examine_aside, read_aside
from inference.explain.explainers import Explainers, WhatIfs
from inference.logs import ONCE_DOUBLES
from inference.monitoring.rollout.rollouts import Rollouts
from inference.monitoring.setup import Monitoring, start_monitoring
from inference.repository.replicated_state import open_state
from inference.repository.repository import Repository
from inference.runtime.heartbeat import HEARTBEAT
from inference.runtime.shared_memory import Section, SharedArray, SharedMemory
from inference.serving.dispatcher import Dispatcher
from inference.serving.inferrer import Inferrer
from inference.serving.predictor import Predictors
from inference.serving.readiness import Readiness, make_readiness
from inference.storage.status import SYNC_STATUS
from inference.telemetry.processes import RESTARTS, RESTARTS_ARRAY
from inference.telemetry.recorder import COUNTER_ARRAYS, Recorder
from inference.telemetry.tracing.setup import build_tracing, traces
from inference.telemetry.traffic import RecentTraffic
from inference.web.adapters.routes import adapter_routes
from inference.web.adapters.v1 import V1ExplanationRoutes
from inference.web.browser_policy import browser_policy
from inference.web.deferred import DeferredApplication
from inference.web.fast.explanations import ExplanationRoutes
from inference.web.fast.infer import InferRoutes
from inference.web.fast.predict import PredictRoutes
from inference.web.fast.routes import FastRoutes
from inference.web.middleware import RequestMiddleware
from inference.web.pages.event_stream import EventStreams
from inference.web.probes import PING, Probes
from inference.web.state_numbers import StateNumbers, make_state_numbers
from inference.web.trailing_slash import TrailingSlash
from inference.web.trusted_proxies import Proxies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from inference.access.authorizer import Authorizer
    from inference.admission.admission import Examiner, Reader
    from inference.logs import RequestLog
    from inference.repository.operator_state import StateFile
    from inference.settings import Settings
    from inference.telemetry.tracing.setup import Tracing
    from inference.web.deferred import Application
    from inference.web.message.exchange import Routes
    from inference.web.pages.router import Pages


def reserve_memory(workers: int = 1) -> SharedMemory:
    """Reserve what so many workers share, for their numbers, rates and heartbeats.

    Raises:
        SettingError: The system does not grant so much.
    """
    common = {
        "changes": SharedArray("d", 1),
        "rate-tags": RATE_TAGS,
        "rate-times": RATE_TIMES,
        "logged": SharedArray("d", ONCE_DOUBLES),
        RESTARTS_ARRAY: RESTARTS,
        "sync": SYNC_STATUS,
        "state-age": SharedArray("d", 2),
        "storage-heartbeat": HEARTBEAT,
    }
    return SharedMemory(common, COUNTER_ARRAYS | {"heartbeat": HEARTBEAT}, workers)


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What HTTP and gRPC serve with, once for each process."""

    settings: Settings
    repository: Repository
    state_file: StateFile
    recorder: Recorder
    authorizer: Authorizer | None
    request_log: RequestLog | None
    tracing: Tracing
    bodies: Bodies
    dispatcher: Dispatcher
    inferrer: Inferrer
    readiness: Readiness
    proxies: Proxies
    traffic: RecentTraffic
    monitoring: Monitoring
    rollouts: Rollouts
    states: StateNumbers | None
    pages: Callable[[], Pages]


def create_app(
    settings: Settings,
    section: Section | None = None,
    *,
    reader: Reader = read_aside,
    examiner: Examiner = examine_aside,
    retire: Callable[[str], None] = lambda _: None,
) -> FastRoutes:
    """Make the service; it begins to watch the models folder when its lifespan starts.

    Args:
        settings: The settings.
        section: Where the workers' numbers are; by default a memory of its own.
        reader: Reads artifacts.
        examiner: Decides whether an artifact may be served.
        retire: Called with the reason when this process has to be replaced.

    Raises:
        SettingError: The file of keys is missing or invalid.
    """
    section = section or Section(reserve_memory())
    recorder = Recorder(section, settings, traced=traces(settings))
    changes = section.memory.array("changes")
    state_file = open_state(settings, recorder.events, changes)
    repository = Repository(
        settings, state_file, reader=reader, examiner=examiner, events=recorder.events
    )
    dispatcher = Dispatcher(settings, recorder.waiting, retire)
    request_log = build_request_log(settings, recorder, section)
    parts = _Parts(
        settings=settings,
        repository=repository,
        state_file=state_file,
        recorder=recorder,
        authorizer=build_authorizer(settings, recorder, section),
        request_log=request_log,
        tracing=build_tracing(settings, recorder, request_log),
        bodies=Bodies(settings.bodies_bytes),
        dispatcher=dispatcher,
        inferrer=Inferrer(dispatcher, max_rows=settings.max_rows, max_strings=settings.max_strings),
        readiness=make_readiness(settings, repository, recorder.state_age),
        proxies=Proxies(settings.trusted_proxies, settings.root_path),
        traffic=RecentTraffic(recorder.requests),
        monitoring=start_monitoring(settings, recorder, section),
        pages=cache(lambda: _make_pages(parts)),
        rollouts=Rollouts(settings, repository, state_file, recorder),
        states=make_state_numbers(settings, repository, state_file),
    )
    return _build_routes(parts)


def _make_pages(parts: _Parts) -> Pages:
    # Imported late, because it takes as long as loading a model, and only browsers need it.
    from inference.web.pages.router import Pages  # noqa: PLC0415

    most, decisions = parts.settings.page_streams, parts.rollouts.decisions
    streams = EventStreams(parts.traffic, parts.readiness, most, decisions)
    return Pages(parts.repository, parts.proxies, streams, parts.authorizer)


def _build_routes(parts: _Parts) -> FastRoutes:
    """Put the fast routes, the probes and the middleware in front of the application."""
    settings, recorder = parts.settings, parts.recorder
    predictors = Predictors(settings, parts.dispatcher)
    repository, latency = parts.repository, recorder.latency
    predict = PredictRoutes(repository, predictors, latency)
    infer = InferRoutes(repository, parts.inferrer, latency)
    adapters = adapter_routes(repository, predictors, latency, predict_route=settings.predict_route)
    further = _explanation_routes(parts, predictors)
    # A route that a platform has chosen goes before a route of the service.
    fast: list[Routes] = [predict, infer, *adapters]
    if settings.predict_route is not None:
        fast = [*adapters, predict, infer]
    families: list[Routes] = [*fast, *further]

    def build() -> Application:
        return _build_application(parts, lambda path: any(f.takes(path) for f in families))

    async def all_loaded() -> None:
        await repository.wait_until(lambda snapshot: snapshot.complete)

    deferred = DeferredApplication(build, lambda: _running(parts), all_loaded)
    middleware = RequestMiddleware(
        Probes(deferred, repository, parts.readiness),
        parts.authorizer,
        max_body_bytes=min(settings.max_control_bytes, settings.max_body_bytes),
        request_log=parts.request_log,
        tracer=parts.tracing.tracer,
        states=parts.states,
        explain=lambda *refused: parts.pages().explain_refusal(*refused),
    )
    return FastRoutes(
        TrailingSlash(middleware, {settings.health_route: PING} if settings.health_route else {}),
        fast,
        further=further,
        max_body_bytes=settings.max_body_bytes,
        bodies=parts.bodies,
        authorizer=parts.authorizer,
        browsers=browser_policy(settings, parts.proxies),
        request_log=parts.request_log,
        readiness=parts.readiness,
        event_counts=recorder.event_counts,
        prefix=settings.root_path,
        max_inflation=settings.max_inflation,
        tracer=parts.tracing.tracer,
        states=parts.states,
    )


def _explanation_routes(parts: _Parts, predictors: Predictors) -> list[Routes]:
    repository, latency = parts.repository, parts.recorder.latency
    explainers = Explainers(parts.settings, parts.dispatcher, parts.recorder.explanations)
    what_ifs = WhatIfs(parts.settings, parts.dispatcher)
    return [
        ExplanationRoutes("explain", repository, explainers.answer, latency),
        ExplanationRoutes("whatif", repository, what_ifs.answer, latency),
        V1ExplanationRoutes(repository, predictors, explainers.answer, latency),
    ]


def _build_application(parts: _Parts, is_fast: Callable[[str], bool]) -> Application:
    # Imported late, because FastAPI takes half of the time until the first answer.
    from inference.web.application import RouteParts, build_application  # noqa: PLC0415

    return build_application(
        RouteParts(
            settings=parts.settings,
            repository=parts.repository,
            state_file=parts.state_file,
            recorder=parts.recorder,
            readiness=parts.readiness,
            proxies=parts.proxies,
            pages=parts.pages(),
            monitoring=parts.monitoring,
            traffic=parts.traffic,
            is_keyed=parts.authorizer is not None,
            is_fast=is_fast,
        )
    )


@contextlib.asynccontextmanager
async def _running(parts: _Parts) -> AsyncIterator[None]:
    """Run what serves requests: the repository, and gRPC where it is enabled."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(parts.repository.running())
        await stack.enter_async_context(parts.traffic.sampling())
        parts.monitoring.start()
        if parts.recorder.sync is not None:
            await stack.enter_async_context(parts.readiness.following(parts.recorder.sync))
        await stack.enter_async_context(parts.rollouts.running())
        await parts.repository.catch_up()
        await stack.enter_async_context(parts.tracing.running())
        if parts.settings.grpc_port is not None:
            await stack.enter_async_context(_serving_grpc(parts))
        yield
    parts.dispatcher.close()
    parts.monitoring.close()


def _serving_grpc(parts: _Parts) -> contextlib.AbstractAsyncContextManager[int]:
    # Imported late: without the extra there is no grpc.
    from inference.grpc.call_guard import Calls  # noqa: PLC0415
    from inference.grpc.call_tracing import CallTracing  # noqa: PLC0415
    from inference.grpc.message_reader import Reception  # noqa: PLC0415
    from inference.grpc.server import serving  # noqa: PLC0415
    from inference.grpc.service import InferenceService  # noqa: PLC0415

    settings = parts.settings
    service = InferenceService(
        parts.repository,
        parts.state_file,
        inferrer=parts.inferrer,
        recorder=parts.recorder,
        max_control_bytes=settings.max_control_bytes,
        readiness=parts.readiness,
    )
    reception = Reception(
        max_streams=settings.grpc_max_streams, message_seconds=settings.body_seconds
    )
    tracing = CallTracing(parts.tracing.tracer, parts.request_log)
    calls = Calls(parts.authorizer, parts.bodies, reception, tracing)
    return serving(service, calls, parts.readiness, settings)
