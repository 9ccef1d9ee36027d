"""``POST /v2/models/{model}[/versions/{version}]/infer``, on the fast path in front of FastAPI."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from inference.errors import RequestError, RookeryError
from inference.serving.versions import find_again, find_servable
from inference.web.errors.oip import encode
from inference.web.message.compression import compressed_aside, compressed_now

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot
    from inference.serving.inferrer import Inferrer
    from inference.serving.tensors.response import Response as Answer
    from inference.telemetry.request_latency import RequestLatency
    from inference.web.message.exchange import Exchange, Response
    from inference.web.message.headers import Headers

_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer/?")
_JSON_BYTES = b"inference-header-content-length"
_JSON = b"application/json"
_BINARY = b"application/octet-stream"


class InferRoutes:
    """Answers the inference routes.

    Args:
        repository: The servables.
        inferrer: What answers for them.
        latency: Records every request.
    """

    name = "infer"

    def __init__(self, repository: Repository, inferrer: Inferrer, latency: RequestLatency) -> None:
        self._repository = repository
        self._inferrer = inferrer
        self._latency = latency

    def takes(self, path: str) -> bool:
        """Whether a path is one of these routes."""
        return path.startswith("/v2/") and _parse(path) is not None

    def answer_now(self, exchange: Exchange) -> Response | None:
        """Answer now; ``None`` if the request has to wait, see :meth:`answer`."""
        servable = None
        try:
            try:
                servable = self._find(exchange, self._repository.current())
            except RookeryError:
                return None  # the model may appear soon
            json_bytes = _json_bytes(exchange.headers)
            answer = self._inferrer.infer_now(servable, exchange.body, json_bytes, exchange.timing)
        except Exception as error:  # noqa: BLE001 - every error becomes a document
            return self.refuse(exchange, error, servable)
        if answer is None:
            return None
        return compressed_now(self._succeed(exchange, servable, answer), exchange.headers)

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, and wait if necessary."""
        servable = None
        try:
            servable = await self._repository.find(partial(find_again, self._find, exchange))
            json_bytes = _json_bytes(exchange.headers)
            answer = await self._inferrer.infer(
                servable, exchange.body, json_bytes, exchange.timing
            )
            return await compressed_aside(
                self._succeed(exchange, servable, answer), exchange.headers
            )
        except Exception as error:  # noqa: BLE001 - likewise
            return self.refuse(exchange, error, servable)

    def refuse(
        self, exchange: Exchange, error: Exception, servable: Servable | None = None
    ) -> Response:
        """Return ``{"error": "..."}``."""
        response = encode(error)
        exchange.timing.finish()
        self._latency.observe(self.name, servable, response.status, exchange.timing)
        return exchange.refuse(response)

    def _succeed(self, exchange: Exchange, servable: Servable, answer: Answer) -> Response:
        self._latency.observe(self.name, servable, 200, exchange.timing)
        if answer.json_bytes is None:
            return exchange.respond(200, _JSON, answer.body)
        response = exchange.respond(200, _BINARY, answer.body)
        response.further.append((_JSON_BYTES, b"%d" % answer.json_bytes))
        return response

    @staticmethod
    def _find(exchange: Exchange, snapshot: Snapshot) -> Servable:
        name, version = _parse(exchange.path) or ("", None)
        return find_servable(snapshot, name, version, exchange)


@lru_cache(maxsize=1024)
def _parse(path: str) -> tuple[str, str | None] | None:
    """Return the model and the version in a path; ``None`` for paths of other routes."""
    match = _PATH.fullmatch(path)
    return None if match is None else (match[1], match[2])


def _json_bytes(headers: Headers) -> int | None:
    for name, value in headers:
        if name == _JSON_BYTES:
            if not (value.isdigit() and len(value) < 19):
                raise RequestError(
                    "the header Inference-Header-Content-Length is not a non-negative integer"
                )
            return int(value)
    return None
