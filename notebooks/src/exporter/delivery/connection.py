"""HTTP requests to the service: JSON both ways, retries of what is safe to repeat, clear errors."""

from __future__ import annotations

import json
import os
import time
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from exporter.errors import NoServiceError, OptionError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

API_KEY_VARIABLE = "EXPORTER_API_KEY"

_CONNECT_SECONDS = 1
_ANSWER_SECONDS = 60
# Too many requests; the others are what a proxy answers, too, while the service starts.
BUSY = frozenset({429, 502, 503, 504})
_TIMEOUT = 504  # from the service itself, which would take as long again
_LONGEST_PAUSE = 5.0
_RESTART_PAUSE = 1.0  # the first one
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

    def describe(self, path: str, member: str) -> dict[str, Any]:
        """Return a document that has a member, as those of the service have; see :meth:`send`."""
        found = self.send("GET", path)
        if isinstance(found, dict) and member in found:
            return found
        raise NoServiceError(
            f"the server at {self.url} is not Rookery: set EXPORTER_URL to the address of one"
        )

    def send(self, method: str, path: str, body: Any = None, *, first_row: int = 0) -> Any:
        """Send a request and return the JSON of its answer.

        Args:
            method: The HTTP method.
            path: The path with its query, quoted.
            body: Sent as JSON; ``None`` for no body.
            first_row: The place of the body's first row among those that the caller has, which
                errors name. If it is not the first one, the service has just answered, and is
                waited for some seconds: it may restart.

        Raises:
            ServiceError: The service refuses the request. ``status_code`` and ``problem`` hold
                its answer, and the message its reason.
            NoServiceError: No service answers, or the answer is not from one.
            OptionError: The API key cannot be sent.
        """
        content = None if body is None else json.dumps(body, default=_to_json).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key := _clean_key(self._api_key or os.environ.get(API_KEY_VARIABLE)):
            headers["Authorization"] = f"Bearer {key}"
        request = self._client.build_request(
            method, self.url + path, content=content, headers=headers
        )
        answer = self._send_repeatedly(request, was_there=first_row > 0)
        if answer.is_success:
            return self._decode(answer)
        raise _refusal(self.url, answer, first_row)

    def _send_repeatedly(self, request: httpx.Request, *, was_there: bool) -> httpx.Response:
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries
            wait = min(0.1 * 2**attempt, _LONGEST_PAUSE)
            try:
                answer = self._client.send(request)
            except httpx.ConnectError as error:
                if is_last or not was_there:
                    raise self._no_service(error) from error
                wait = min(_RESTART_PAUSE * 2**attempt, _LONGEST_PAUSE)
            except httpx.ReadTimeout as error:
                raise NoServiceError(
                    f"{self.url} has not answered within {_ANSWER_SECONDS} s: send fewer rows, or "
                    "try again later"
                ) from error
            except httpx.HTTPError as error:
                if is_last:
                    raise self._no_service(error) from error
            else:
                if is_last or not _is_busy(answer):
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


def _to_json(value: Any) -> Any:
    """Return what JSON has for a value of NumPy, such as a version from an index; else its text."""
    if isinstance(value, np.floating):
        return float(value)
    return value.item() if isinstance(value, np.integer | np.bool_) else str(value)


def _clean_key(key: str | None) -> str:
    """Return a key without the line end of the file that it was read from.

    Raises:
        OptionError: It has other characters that no header takes.
    """
    cleaned = (key or "").strip()
    if not (cleaned.isascii() and cleaned.isprintable()):
        raise OptionError(
            f"the API key has characters that no key has: set {API_KEY_VARIABLE}, or pass "
            "api_key=, to what 'inference key' has printed"
        )
    return cleaned


def _is_busy(answer: httpx.Response) -> bool:
    own = answer.headers.get("content-type", "").startswith("application/problem+json")
    return answer.status_code in BUSY and not (own and answer.status_code == _TIMEOUT)


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    stated = answer.headers.get("retry-after", "")
    return min(float(stated), _LONGEST_PAUSE) if stated.isdecimal() else otherwise


def _refusal(url: str, answer: httpx.Response, first_row: int) -> ServiceError:
    try:
        found = answer.json()
    except ValueError:
        found = None
    problem = found if isinstance(found, dict) else {}
    given = problem.get("errors") or []
    faults = [_shift(fault, first_row) for fault in given if isinstance(fault, dict)]
    reason = _describe_faults(problem, faults) if faults else problem.get("detail")
    reason = reason or problem.get("title") or answer.text[:_SHOWN_CHARACTERS]
    if faults and first_row:
        problem = problem | {"errors": faults, "detail": reason}
    if answer.has_redirect_location:
        reason = f"it redirects to {answer.headers['location']}: set EXPORTER_URL to that server"
    message = f"{url} answers {answer.status_code}: {reason or answer.reason_phrase}"
    if answer.status_code in (401, 403):
        message += f" (set {API_KEY_VARIABLE}, or pass api_key=)"
    return ServiceError(message, answer.status_code, problem)


def _shift(fault: dict[str, Any], rows: int) -> dict[str, Any]:
    row = fault.get("row")
    return fault | {"row": row + rows} if isinstance(row, int) else fault


def _describe_faults(problem: dict[str, Any], faults: list[dict[str, Any]]) -> str:
    shown = faults[:_SHOWN_FAULTS]
    more = int(problem.get("total_errors") or len(faults)) - len(shown)
    lines = [_describe_fault(fault) for fault in shown]
    return "; ".join(lines) + (f" (and {more:,} more)" if more > 0 else "")


def _describe_fault(fault: dict[str, Any]) -> str:
    feature = "" if fault.get("feature") is None else f", feature {fault['feature']!r}"
    return f"row {fault.get('row')}{feature}: {fault.get('reason')}"
