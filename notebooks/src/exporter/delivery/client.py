"""HTTP client of the running service: state of versions, and predictions."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from exporter.errors import NoServiceError, ServiceError

_SECONDS = 10
_MAX_ERROR_BYTES = 100_000

State = Literal["absent", "loading", "ready", "quarantined", "unloaded"]


@dataclass(frozen=True)
class Status:
    """The state of one version in the service.

    Attributes:
        state: The state; ``absent`` if the service has not seen the version.
        reason: The service's reason why the version is not ready.
    """

    state: State
    reason: str | None = None


class ServiceClient:
    """Client of a running service.

    Args:
        url: Address of the service, without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        # A proxy cannot reach this machine's loopback address.
        local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        self._opener = build_opener(ProxyHandler({})) if local else build_opener()

    def status(self, name: str, version: int) -> Status:
        """Return the state of one version.

        Raises:
            NoServiceError: Nothing answers, or the answer is not from the service.
        """
        try:
            found = self._call(f"/models/{name}")
        except ServiceError as error:
            if isinstance(error.__cause__, HTTPError) and error.__cause__.code == 404:
                return Status("absent")
            raise
        for entry in found.get("versions", []) if isinstance(found, dict) else []:
            if entry.get("version") == version:
                return Status(entry.get("state", "absent"), entry.get("reason"))
        return Status("absent")

    def model(self, name: str) -> Any:
        """Return the description of a model, ``GET /models/NAME``.

        Raises:
            ServiceError: The service has no such model.
            NoServiceError: The service does not answer.
        """
        return self._call(f"/models/{name}")

    def selection(self) -> Any:
        """Return the selected model and version, ``None`` if none is selected.

        Raises:
            ServiceError: The service returns an error.
            NoServiceError: The service does not answer.
        """
        listed = self._call("/models")
        return listed.get("selected") if isinstance(listed, dict) else None

    def predict(self, name: str, version: int, records: Any) -> Any:
        """Request predictions from a version.

        Args:
            name: The model's name.
            version: The version.
            records: One record, or a list of records or rows.

        Raises:
            ServiceError: The service refuses the records; the message has its reason.
            NoServiceError: No service answers.
        """
        return self._call(f"/models/{name}/versions/{version}/predict", records)

    def wait_until_ready(self, name: str, version: int, timeout: float) -> Status | None:
        """Poll until the version is ready, quarantined or unloaded, or the timeout expires.

        Returns:
            The last status, or ``None`` if no service answered.
        """
        deadline = time.monotonic() + timeout
        pause = 0.02
        last: Status | None = None
        while True:
            try:
                last = self.status(name, version)
            except NoServiceError:
                last = None
            if last is not None and last.state in ("ready", "quarantined", "unloaded"):
                return last
            if time.monotonic() + pause > deadline:
                return last
            time.sleep(pause)  # the service cannot notify a notebook
            pause = min(pause * 1.5, 0.5)

    def _call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body, default=str).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key := os.environ.get("EXPORTER_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        request = Request(self.url + path, data=data, headers=headers)  # noqa: S310 - settings check it
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return json.loads(response.read())
        except HTTPError as error:
            raise ServiceError(f"{self.url} answers {error.code}: {_explain(error)}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise NoServiceError(f"no service answers at {self.url}: {error}") from error


def _explain(error: HTTPError) -> str:
    text = error.read(_MAX_ERROR_BYTES).decode("utf-8", "replace")
    try:
        problem = json.loads(text)
    except ValueError:
        return text[:300]
    if not isinstance(problem, dict):
        return text[:300]
    return str(problem.get("detail") or problem.get("title") or text[:300])
