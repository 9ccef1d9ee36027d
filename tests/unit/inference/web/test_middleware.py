"""What goes wrong in front of the routes is answered as an error of the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from inference.runtime.threads import NoThreadError
from inference.web.middleware import RequestMiddleware
from support.repository_harness import scenario

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def _without_threads(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    raise NoThreadError  # as the application does that cannot be built now


@scenario
async def test_a_request_for_an_application_that_cannot_be_built_now_is_503() -> None:
    app = RequestMiddleware(
        cast("Any", _without_threads), None, max_body_bytes=10, request_log=None
    )
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    await app({"type": "http", "method": "GET", "path": "/models", "headers": []}, receive, send)
    assert sent[0]["status"] == 503
    assert b"retry-after" in dict(sent[0]["headers"])
    assert "limit on processes" in json.loads(sent[1]["body"])["detail"]
