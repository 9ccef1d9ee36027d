"""``/v1/models/{name}:predict``, as TensorFlow Serving and KServe's protocol v1 have it.

- ``POST /v1/models/{name}:predict``, ``POST /v1/models/{name}/versions/{version}:predict``
- ``POST /v1/models/{name}:explain``, ``POST /v1/models/{name}/versions/{version}:explain``

Sources: https://www.tensorflow.org/tfx/serving/api_rest and
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from inference.runtime.threads import INLINE_BYTES, off_loop
from inference.serving.versions import find_servable
from inference.web.adapters.envelope import unwrap
from inference.web.adapters.plain_routes import Adapter, about_request
from inference.web.errors.oip import encode
from inference.web.message.compression import compressed_aside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot
    from inference.serving.answers.plain import PlainForm
    from inference.serving.predictor import Predictors
    from inference.serving.rows.row_limits import RowLimits
    from inference.telemetry.request_latency import RequestLatency
    from inference.telemetry.timing import Timing
    from inference.web.adapters.envelope import Unwrapped
    from inference.web.message.exchange import Exchange, Response
    from inference.web.message.headers import Headers

    Explain = Callable[[Servable, bytes, dict[str, str], Timing], Awaitable[bytes]]

_PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/([^/:]+))?:(predict|explain)/?")
_JSON = b"application/json"
_DATA = ("instances", "inputs")


@lru_cache(maxsize=1024)
def _parse(path: str) -> tuple[str, str | None, str] | None:
    """Return model, version and verb of a path; ``None`` for paths of other routes."""
    match = _PATH.fullmatch(path) if path.startswith("/v1/") else None
    return None if match is None else (match[1], match[2], match[3])


def _takes(verb: str, path: str) -> bool:
    parsed = _parse(path)
    return parsed is not None and parsed[2] == verb


def _find(exchange: Exchange, snapshot: Snapshot) -> Servable:
    name, version, _ = _parse(exchange.path) or ("", None, "")
    return find_servable(snapshot, name, version, exchange)


def _unwrap(_: Headers, body: bytes, servable: Servable, limits: RowLimits) -> Unwrapped:
    return unwrap(body, servable, limits, _DATA)


PREDICT = Adapter(
    name="v1", takes=partial(_takes, "predict"), find=_find, unwrap=_unwrap, encode_error=encode
)


class V1ExplanationRoutes:
    """Answers the routes that explain, over ASGI.

    Args:
        repository: The servables.
        predictors: Know which models take rows.
        explain: Answers a request of the service's own explain route.
        latency: Records every request.
    """

    _name = "v1-explain"

    def __init__(
        self,
        repository: Repository,
        predictors: Predictors,
        explain: Explain,
        latency: RequestLatency,
    ) -> None:
        self.takes = partial(_takes, "explain")
        self._repository = repository
        self._predictors = predictors
        self._explain = explain
        self._latency = latency

    def answer_now(self, _: Exchange) -> Response | None:
        """Return ``None``: every request waits."""
        return None

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, and wait if necessary."""
        servable = None
        try:
            servable = await self._repository.find(partial(_find, exchange))
            body = exchange.body
            with about_request():
                limits = self._predictors.of(servable).limits  # or it takes no rows
                rows, form = await off_loop(len(body), unwrap, body, servable, limits, _DATA)
                explained = await self._explain(servable, rows, {}, exchange.timing)
            if len(explained) <= INLINE_BYTES:
                answer = _rewrite(explained, form, servable.name)
            else:
                answer = await off_loop(len(explained), _rewrite, explained, form, servable.name)
        except Exception as error:  # noqa: BLE001 - every error becomes a document
            return self.refuse(exchange, error, servable)
        self._latency.observe(self._name, servable, 200, exchange.timing)
        return await compressed_aside(exchange.respond(200, _JSON, answer), exchange.headers)

    def refuse(
        self, exchange: Exchange, error: Exception, servable: Servable | None = None
    ) -> Response:
        """Return ``{"error": "..."}``."""
        response = encode(error)
        exchange.timing.finish()
        self._latency.observe(self._name, servable, response.status, exchange.timing)
        return exchange.refuse(response)


def _rewrite(explained: bytes, form: PlainForm, model: str) -> bytes:
    """Separate predictions and explanations, as Vertex AI and KServe name them."""
    predictions: list[dict[str, Any]] = msgspec.json.decode(explained)["predictions"]
    explanations = [prediction.pop("explanation") for prediction in predictions]
    values = form.values(predictions, model)
    document: dict[str, Any] = dict.fromkeys(form.members, values)
    return msgspec.json.encode(document | {"explanations": explanations})
