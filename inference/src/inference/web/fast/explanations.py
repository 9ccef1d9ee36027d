"""The routes that explain: the checks of the fast routes, over ASGI, since they take a query.

- ``POST /models/{name}/explain``, ``POST /models/{name}/versions/{version}/explain``
- ``POST /models/{name}/whatif``, ``POST /models/{name}/versions/{version}/whatif``
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from inference.errors import QueryError
from inference.serving.versions import find_servable
from inference.web.errors.problem import encode
from inference.web.message.compression import compressed_aside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot
    from inference.telemetry.request_latency import RequestLatency
    from inference.telemetry.timing import Timing
    from inference.web.message.exchange import Exchange, Response

    Answer = Callable[[Servable, bytes, dict[str, str], Timing], Awaitable[bytes]]

_JSON = b"application/json"
_MAX_PARAMETERS = 8


class ExplanationRoutes:
    """Answers one of these routes.

    Args:
        name: The last part of its path, by which its requests are counted.
        repository: The servables.
        answer: Answers a request from the servable, the body and the query.
        latency: Records every request.
    """

    def __init__(
        self, name: str, repository: Repository, answer: Answer, latency: RequestLatency
    ) -> None:
        self.name = name
        self._path = re.compile(rf"/models/([^/]+)(?:/versions/([^/]+))?/{name}/?")
        self._repository = repository
        self._answer = answer
        self._latency = latency

    def takes(self, path: str) -> bool:
        """Whether a path is this route."""
        return self._path.fullmatch(path) is not None

    def answer_now(self, _: Exchange) -> Response | None:
        """Return ``None``: every request waits."""
        return None

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, and wait if necessary."""
        servable = None
        try:
            servable = await self._repository.find(partial(self._find, exchange))
            query = _read_query(exchange.query)
            body = await self._answer(servable, exchange.body, query, exchange.timing)
        except Exception as error:  # noqa: BLE001 - every error becomes a problem document
            return self.refuse(exchange, error, servable)
        self._latency.observe(self.name, servable, 200, exchange.timing)
        return await compressed_aside(exchange.respond(200, _JSON, body), exchange.headers)

    def refuse(
        self, exchange: Exchange, error: Exception, servable: Servable | None = None
    ) -> Response:
        """Return a problem document."""
        response = encode(error)
        exchange.timing.finish()
        self._latency.observe(self.name, servable, response.status, exchange.timing)
        return exchange.refuse(response)

    def _find(self, exchange: Exchange, snapshot: Snapshot) -> Servable:
        match = self._path.fullmatch(exchange.path)
        name, version = match.groups() if match else ("", None)
        return find_servable(snapshot, name, version, exchange)


def _read_query(query: bytes) -> dict[str, str]:
    """Read the parameters of a query.

    Raises:
        QueryError: It is not UTF-8, or names a parameter twice.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise QueryError(
            f"the query is not up to {_MAX_PARAMETERS} parameters in UTF-8, percent-encoded"
        ) from None
    read = dict(pairs)
    if len(read) < len(pairs):
        raise QueryError("the query names a parameter twice: send it once")
    return read
