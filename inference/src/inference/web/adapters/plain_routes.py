"""Routes of other servers' protocols, on the fast path in front of FastAPI.

A request's rows are read by the predictor of the predict routes, so that they are checked, run,
counted and watched like all others.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from inference.errors import ConflictError, RequestError, RookeryError
from inference.runtime.threads import off_loop
from inference.serving.versions import find_again
from inference.web.message.compression import compressed_aside, compressed_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot
    from inference.serving.predictor import Predictors
    from inference.serving.rows.row_limits import RowLimits
    from inference.telemetry.request_latency import RequestLatency
    from inference.web.adapters.envelope import Unwrapped
    from inference.web.errors.error_response import ErrorResponse
    from inference.web.message.exchange import Exchange, Response
    from inference.web.message.headers import Headers

_JSON = b"application/json"
# Up to this size, a document is unwrapped on the loop.
_QUICK_BYTES = 4 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A protocol.

    Attributes:
        name: By which its requests are counted.
        takes: Whether a path is one of its routes.
        find: Finds what answers a request.
        unwrap: Finds rows and method in a request, by its headers and its body; of too many rows it
            may leave some out.
        encode_error: Encodes an error as its clients expect.
    """

    name: str
    takes: Callable[[str], bool]
    find: Callable[[Exchange, Snapshot], Servable]
    unwrap: Callable[[Headers, bytes, Servable, RowLimits], Unwrapped]
    encode_error: Callable[[Exception], ErrorResponse]


@contextlib.contextmanager
def about_request() -> Iterator[None]:
    """Let what a model can never answer be an error of the request, which no client repeats.

    Raises:
        RequestError: The model has not what was asked of it.
    """
    try:
        yield
    except ConflictError as error:
        raise RequestError(str(error)) from error


class PlainRoutes:
    """Answers the routes of a protocol.

    Args:
        adapter: The protocol.
        repository: The servables.
        predictors: What answers for them.
        latency: Records every request.

    Attributes:
        takes: Whether a path is one of these routes.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        repository: Repository,
        predictors: Predictors,
        latency: RequestLatency,
    ) -> None:
        self._adapter = adapter
        self.takes = adapter.takes
        self._repository = repository
        self._predictors = predictors
        self._latency = latency

    def answer_now(self, exchange: Exchange) -> Response | None:
        """Answer now; ``None`` if the request has to wait, see :meth:`answer`."""
        if len(exchange.body) > _QUICK_BYTES:
            return None
        servable = None
        try:
            servable = self._adapter.find(exchange, self._repository.current())
        except RookeryError:
            return None  # the model may appear soon
        try:
            with about_request():
                predictor = self._predictors.of(servable)
            unwrap, limits = self._adapter.unwrap, predictor.limits
            rows, form = unwrap(exchange.headers, exchange.body, servable, limits)
            body = predictor.predict_now(servable, rows, exchange.timing, form)
        except Exception as error:  # noqa: BLE001 - every error becomes a document
            return self.refuse(exchange, error, servable)
        if body is None:
            return None
        return compressed_now(self._succeed(exchange, servable, body), exchange.headers)

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, and wait if necessary."""
        servable = None
        try:
            find = partial(find_again, self._adapter.find, exchange)
            servable = await self._repository.find(find)
            with about_request():
                predictor = self._predictors.of(servable)
            headers, body = exchange.headers, exchange.body
            unwrap, limits = self._adapter.unwrap, predictor.limits
            if len(body) <= _QUICK_BYTES:
                rows, form = unwrap(headers, body, servable, limits)
            else:
                rows, form = await off_loop(len(body), unwrap, headers, body, servable, limits)
            answer = await predictor.predict(servable, rows, exchange.timing, form)
        except Exception as error:  # noqa: BLE001 - likewise
            return self.refuse(exchange, error, servable)
        return await compressed_aside(self._succeed(exchange, servable, answer), exchange.headers)

    def refuse(
        self, exchange: Exchange, error: Exception, servable: Servable | None = None
    ) -> Response:
        """Return an error in the form of the protocol."""
        response = self._adapter.encode_error(error)
        exchange.timing.finish()
        self._latency.observe(self._adapter.name, servable, response.status, exchange.timing)
        return exchange.refuse(response)

    def _succeed(self, exchange: Exchange, servable: Servable, body: bytes) -> Response:
        self._latency.observe(self._adapter.name, servable, 200, exchange.timing)
        return exchange.respond(200, _JSON, body)
