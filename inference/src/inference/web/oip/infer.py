"""``POST /v2/models/{model}[/versions/{version}]/infer``, on the fast path in front of FastAPI."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from inference.errors import RequestError, RookeryError
from inference.threads import off_loop
from inference.web.compression import accepted_coding, compress, content_coding, decompress
from inference.web.oip.error import refuse
from inference.web.version import find_servable

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot
    from inference.serving.infer import Inferrer
    from inference.serving.meter import Meter
    from inference.serving.tensors.response import Response as Answer
    from inference.web.body import Bodies, Hold
    from inference.web.exchange import Exchange, Headers, Response

_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer/?")
_JSON_BYTES = b"inference-header-content-length"
_JSON = b"application/json"
_BINARY = b"application/octet-stream"

# To compress as much takes longer than a thread hop.
_INLINE_BYTES = 16 * 1024
_USUAL_INFLATION = 8  # how many times larger numbers in JSON become


class InferRoutes:
    """Answers the inference routes.

    Args:
        repository: Where the servables are.
        inferrer: What answers for them.
        meter: Told of every request.
        max_body_bytes: The largest request body, also when it is decompressed.
        max_inflation: How many times larger a body may become when it is decompressed.
        bodies: Counts the bytes of decompressed bodies.
    """

    name = "infer"

    def __init__(  # noqa: PLR0913 - what answers, and its limits
        self,
        repository: Repository,
        inferrer: Inferrer,
        meter: Meter,
        *,
        max_body_bytes: int,
        max_inflation: int,
        bodies: Bodies,
    ) -> None:
        self._repository = repository
        self._inferrer = inferrer
        self._meter = meter
        self._decompress = partial(decompress, max_bytes=max_body_bytes, max_ratio=max_inflation)
        self._bodies = bodies

    def takes(self, path: str) -> bool:
        """Tell whether a path is one of these routes."""
        return path.startswith("/v2/") and _PATH.fullmatch(path) is not None

    def answer_now(self, exchange: Exchange) -> Response | None:
        """Answer at once; ``None`` when the request has to wait, see :meth:`answer`."""
        servable = None
        try:
            if content_coding(exchange.headers):
                return None
            try:
                servable = self._find(exchange.path, self._repository.current())
            except RookeryError:
                return None  # it may be about to appear
            json_bytes = _json_bytes(exchange.headers)
            answer = self._inferrer.infer_now(servable, exchange.body, json_bytes, exchange.timing)
        except Exception as error:  # noqa: BLE001 - every error becomes a document
            return self.refuse(exchange, error, servable)
        if answer is None:
            return None
        return _compressed(self._succeed(exchange, servable, answer), exchange.headers)

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, whatever it takes."""
        with self._bodies.hold() as hold:
            return await self._answer(exchange, hold)

    async def _answer(self, exchange: Exchange, hold: Hold) -> Response:
        servable = None
        try:
            coding = content_coding(exchange.headers)
            servable = await self._repository.find(partial(self._find, exchange.path))
            json_bytes = _json_bytes(exchange.headers)
            body = exchange.body
            if coding is not None:
                size = _USUAL_INFLATION * len(body)
                body = await off_loop(size, self._decompress, body, coding, hold=hold)
            answer = await self._inferrer.infer(servable, body, json_bytes, exchange.timing)
            response = self._succeed(exchange, servable, answer)
            if len(response.body) <= _INLINE_BYTES:
                return _compressed(response, exchange.headers)
            return await off_loop(len(response.body), _compressed, response, exchange.headers)
        except Exception as error:  # noqa: BLE001 - likewise
            return self.refuse(exchange, error, servable)

    def refuse(
        self, exchange: Exchange, error: Exception, servable: Servable | None = None
    ) -> Response:
        """Answer with ``{"error": "..."}``."""
        status, body, headers = refuse(error)
        exchange.timing.finish()
        self._meter.observe(self.name, servable, status, exchange.timing)
        further = [(n.lower().encode(), v.encode()) for n, v in headers]
        return exchange.respond(status, _JSON, body)._replace(further=further)

    def _succeed(self, exchange: Exchange, servable: Servable, answer: Answer) -> Response:
        self._meter.observe(self.name, servable, 200, exchange.timing)
        if answer.json_bytes is None:
            return exchange.respond(200, _JSON, answer.body)
        response = exchange.respond(200, _BINARY, answer.body)
        return response._replace(further=[(_JSON_BYTES, b"%d" % answer.json_bytes)])

    @staticmethod
    def _find(path: str, snapshot: Snapshot) -> Servable:
        match = _PATH.fullmatch(path)
        name, version = match.groups() if match else ("", None)
        return find_servable(snapshot, name, version)


def _json_bytes(headers: Headers) -> int | None:
    for name, value in headers:
        if name == _JSON_BYTES:
            if not (value.isdigit() and len(value) < 19):
                raise RequestError(
                    "the header Inference-Header-Content-Length is not a whole number"
                )
            return int(value)
    return None


def _compressed(response: Response, headers: Headers) -> Response:
    coding = accepted_coding(headers)
    body = None if coding is None else compress(response.body, coding)
    if coding is None or body is None:
        return response
    told = [(b"content-encoding", coding.encode()), (b"vary", b"accept-encoding")]
    return response._replace(body=body, further=[*response.further, *told])
