"""HTTP requests to the service: JSON both ways, retries of what is safe to repeat, clear errors."""

from __future__ import annotations

import json
import os
import time
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from exporter.errors import NoServiceError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

API_KEY_VARIABLE = "EXPORTER_API_KEY"

_CONNECT_SECONDS = 1
_ANSWER_SECONDS = 60
BUSY = frozenset({502, 503, 504})  # what a proxy answers, too, while the service starts
_LONGEST_PAUSE = 5.0
_SHOWN_CHARACTERS = 300
_SHOWN_FAULTS = 5


class Connection:
    """Sends requests to one service.

    Args:
        url: Address of the service, without a slash at the end.
        api_key: Sent as a bearer token; ``None`` for the value of ``EXPORTER_API_KEY``.
        retries: How often a request that fails for now is repeated. All requests of this client are
            safe to repeat: they read, or set a state.
        pause: Waits for some seconds between two attempts.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        retries: int = 0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self._api_key = api_key
        self._retries = retries
        self._pause = pause
        # A proxy cannot reach this machine's loopback address.
        local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        self._client = httpx.Client(timeout=timeout, trust_env=not local)
        weakref.finalize(self, self._client.close)

    def get(self, path: str) -> Any:
        """Return the document at a path; see :meth:`send`."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the JSON of its answer.

        Args:
            method: The HTTP method.
            path: The path with its query, quoted.
            body: Sent as JSON; ``None`` for no body.

        Raises:
            ServiceError: The service refuses the request. ``status_code`` and ``problem`` hold
                its answer, and the message its reason.
            NoServiceError: No service answers, or the answer is not from one.
        """
        content = None if body is None else json.dumps(body, default=str).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key := self._api_key or os.environ.get(API_KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {key}"
        request = self._client.build_request(
            method, self.url + path, content=content, headers=headers
        )
        answer = self._send_repeatedly(request)
        if answer.is_success:
            return self._decode(answer)
        raise _refusal(self.url, answer)

    def _send_repeatedly(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries
            wait = min(0.1 * 2**attempt, _LONGEST_PAUSE)
            try:
                answer = self._client.send(request)
            except httpx.ConnectError as error:
                raise self._no_service(error) from error
            except httpx.HTTPError as error:
                if is_last:
                    raise self._no_service(error) from error
            else:
                if is_last or answer.status_code not in BUSY:
                    return answer
                wait = _retry_after(answer, wait)
            self._pause(wait)
        raise AssertionError("the last attempt returns or raises")

    def _decode(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise self._no_service(error) from error

    def _no_service(self, error: Exception) -> NoServiceError:
        reason = str(error) or type(error).__name__
        return NoServiceError(
            f"no service answers at {self.url} ({reason}): start it (make serve, or docker compose "
            "up -d), or set EXPORTER_URL to its address"
        )


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    stated = answer.headers.get("retry-after", "")
    return min(float(stated), _LONGEST_PAUSE) if stated.isdecimal() else otherwise


def _refusal(url: str, answer: httpx.Response) -> ServiceError:
    try:
        found = answer.json()
    except ValueError:
        found = None
    problem = found if isinstance(found, dict) else {}
    reason = problem.get("detail") or problem.get("title") or answer.text[:_SHOWN_CHARACTERS]
    message = f"{url} answers {answer.status_code}: {reason}"
    if answer.status_code in (401, 403):
        message += f" (set {API_KEY_VARIABLE}, or pass api_key=)"
    faults = [fault for fault in problem.get("errors") or [] if isinstance(fault, dict)]
    lines = [_describe_fault(fault) for fault in faults[1:_SHOWN_FAULTS]]
    return ServiceError("; ".join([message, *lines]), answer.status_code, problem)


def _describe_fault(fault: dict[str, Any]) -> str:
    feature = "" if fault.get("feature") is None else f", {fault['feature']}"
    return f"row {fault.get('row')}{feature}: {fault.get('reason')}"
