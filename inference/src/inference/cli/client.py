"""A client of the running service, with the standard library only."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from inference.cli.unix_socket import UnixSocketHandler
from inference.errors import RookeryError, SettingError
from inference.settings.access import check_url
from inference.settings.storage import shown_url

if TYPE_CHECKING:
    from inference.settings import Settings

_SECONDS = 90  # the service waits up to 60 s until a version is loaded
_LISTED = 20  # maximum number of errors in a message
_MOST_BYTES = 1 << 20


class RequestFailedError(RookeryError):
    """The service does not answer, or refuses the request."""


class Client:
    """Sends requests to one service.

    Args:
        settings: The address of the service, and the API key.
        url: The address of the service, instead of that in the settings.

    Raises:
        SettingError: ``url`` is not an HTTP URL, or the API key is malformed.
    """

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        try:
            chosen = check_url(url) if url else settings.url
        except ValueError as error:
            raise SettingError(f"--url {shown_url(url or '')}: {error}") from None
        path = None if chosen else settings.unix_socket
        self._base = chosen or f"http://{settings.url_host}:{settings.port}"
        self.url = self._base if path is None else f"unix:{path}"
        key = settings.api_key or None
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key:
            if not (key.isascii() and key.isprintable()):
                raise SettingError(
                    "INFERENCE_API_KEY is not an API key: 'inference key NAME' creates one"
                )
            self._headers["Authorization"] = f"Bearer {key}"
        # A proxy in the environment variables is for other machines.
        local = path or urlsplit(self._base).hostname in ("127.0.0.1", "localhost", "::1")
        handlers = [urllib.request.ProxyHandler({} if local else None)]
        self._opener = urllib.request.build_opener(
            *handlers, *([] if path is None else [UnixSocketHandler(path)])
        )

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Send a request and return the decoded answer.

        Args:
            method: GET, POST or PUT.
            path: The path after the service's address.
            body: JSON.

        Raises:
            RequestFailedError: The service does not answer, or refuses the request.
        """
        request = urllib.request.Request(  # noqa: S310 - an HTTP URL, see above
            self._base + path, data=body, headers=self._headers, method=method
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise RequestFailedError(self._refusal(error)) from None
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
            raise RequestFailedError(self.other_service) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            reason = getattr(reason, "strerror", None) or reason
            raise RequestFailedError(
                f"no service answers at {self.url} ({reason}): start it with 'inference serve', "
                "or set its address with --url or INFERENCE_URL"
            ) from None

    @property
    def other_service(self) -> str:
        """The message if another program answers."""
        return f"the answer of {self.url} is not from this service: set its address with --url"

    def _refusal(self, error: urllib.error.HTTPError) -> str:
        try:
            problem = json.loads(error.read(_MOST_BYTES))
        except (OSError, http.client.HTTPException, ValueError, RecursionError):
            problem = None
        lines = [f"the service at {self.url} answers {error.code}{_hint(error.code)}"]
        if isinstance(problem, dict):
            detail = problem.get("detail") or problem.get("error")
            if isinstance(detail, str):
                lines[0] += f": {detail}"
            lines += _faults(problem)
        return "\n".join(lines)


def path_of(model: str, version: int | None = None) -> str:
    """Return the path of a model, or of one of its versions."""
    path = f"/models/{quoted(model)}"
    return path if version is None else f"{path}/versions/{version}"


def quoted(name: str) -> str:
    """Quote a model's name for a URL; the shell may pass any bytes."""
    return quote(os.fsencode(name), safe="")


def _hint(status: int) -> str:
    if status == 401:
        return " (set INFERENCE_API_KEY to an API key)"
    return " (set INFERENCE_API_KEY to a key with the required scope)" if status == 403 else ""


def _faults(problem: dict[str, Any]) -> list[str]:
    """Return a line for each fault, if there are several."""
    faults = problem.get("errors")
    if not isinstance(faults, list) or len(faults) < 2:
        return []
    lines = []
    for fault in faults[:_LISTED]:
        if isinstance(fault, dict):
            feature = f", feature '{fault['feature']}'" if fault.get("feature") else ""
            lines.append(f"  row {fault.get('row')}{feature}: {fault.get('reason')}")
    left = problem.get("total_errors", len(faults))
    more = left - len(lines) if isinstance(left, int) else 0
    return [*lines, f"  and {more} more"] if more > 0 else lines
