"""The predict routes: the fast path in front of FastAPI.

FastAPI's request handling takes longer than most models, so these routes bypass it: find the
servable, predict, respond. :mod:`inference.web.openapi.document` documents them.

- ``POST /predict/``
- ``POST /models/{name}/predict``
- ``POST /models/{name}/versions/{version}/predict``
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from inference.errors import RookeryError
from inference.serving.versions import find_again, find_servable
from inference.web.errors.problem import encode
from inference.web.message.compression import compressed_aside, compressed_now

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot
    from inference.serving.predictor import Predictors
    from inference.telemetry.request_latency import RequestLatency
    from inference.web.message.exchange import Exchange, Response

_PATH = re.compile(r"(?:/models/([^/]+)(?:/versions/([^/]+))?)?/predict/?")
_JSON = b"application/json"


class PredictRoutes:
    """Answers the predict routes.

    Args:
        repository: The servables.
        predictors: What answers for them.
        latency: Records every request.
    """

    name = "predict"

    def __init__(
        self, repository: Repository, predictors: Predictors, latency: RequestLatency
    ) -> None:
        self._repository = repository
        self._predictors = predictors
        self._latency = latency

    def takes(self, path: str) -> bool:
        """Whether a path is one of these routes."""
        return _parse(path) is not None

    def answer_now(self, exchange: Exchange) -> Response | None:
        """Answer now; ``None`` if the request has to wait, see :meth:`answer`."""
        servable = None
        try:
            servable = self._find(exchange, self._repository.current())
        except RookeryError:
            return None  # the model may appear soon
        try:
            predictor = self._predictors.of(servable)
            body = predictor.predict_now(servable, exchange.body, exchange.timing)
        except Exception as error:  # noqa: BLE001 - every error becomes a problem document
            return self.refuse(exchange, error, servable)
        if body is None:
            return None
        return compressed_now(self._succeed(exchange, servable, body), exchange.headers)

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, and wait if necessary."""
        servable = None
        try:
            servable = await self._repository.find(partial(find_again, self._find, exchange))
            predictor = self._predictors.of(servable)
            body = await predictor.predict(servable, exchange.body, exchange.timing)
        except Exception as error:  # noqa: BLE001 - every error becomes a problem document
            return self.refuse(exchange, error, servable)
        return await compressed_aside(self._succeed(exchange, servable, body), exchange.headers)

    def refuse(
        self, exchange: Exchange, error: Exception, servable: Servable | None = None
    ) -> Response:
        """Return a problem document."""
        response = encode(error)
        exchange.timing.finish()
        self._latency.observe(self.name, servable, response.status, exchange.timing)
        return exchange.refuse(response)

    def _succeed(self, exchange: Exchange, servable: Servable, body: bytes) -> Response:
        self._latency.observe(self.name, servable, 200, exchange.timing)
        return exchange.respond(200, _JSON, body)

    @staticmethod
    def _find(exchange: Exchange, snapshot: Snapshot) -> Servable:
        name, version = _parse(exchange.path) or (None, None)
        if name is None:
            return snapshot.selected(exchange)
        return find_servable(snapshot, name, version, exchange)


@lru_cache(maxsize=1024)
def _parse(path: str) -> tuple[str | None, str | None] | None:
    """Return the model and the version in a path; ``None`` for paths of other routes."""
    match = _PATH.fullmatch(path)
    return None if match is None else (match[1], match[2])
