"""All routes of other servers' protocols that predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.adapters import v1
from inference.web.adapters.invocations import invocations
from inference.web.adapters.plain_routes import PlainRoutes

if TYPE_CHECKING:
    from inference.repository.repository import Repository
    from inference.serving.predictor import Predictors
    from inference.telemetry.request_latency import RequestLatency


def adapter_routes(
    repository: Repository,
    predictors: Predictors,
    latency: RequestLatency,
    *,
    predict_route: str | None,
) -> list[PlainRoutes]:
    """Make the routes.

    Args:
        repository: The servables.
        predictors: What answers for them.
        latency: Records every request.
        predict_route: A further path of ``/invocations``; ``None`` for none.
    """
    return [
        PlainRoutes(adapter, repository=repository, predictors=predictors, latency=latency)
        for adapter in (v1.PREDICT, invocations(predict_route))
    ]
