"""The service as publish() needs it: the state of versions, and predictions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from exporter.delivery.connection import BUSY, Connection
from exporter.errors import NoServiceError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

# A service that is being started may need some attempts; one that is not there never answers.
_NO_SERVICE_SECONDS = 0.8

OTHER_FILE = "another file has this name and version"
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
        self._connection = Connection(url)

    def status(self, name: str, version: int, digest: str = "") -> Status:
        """Return the state of one version.

        Args:
            name: The model's name.
            version: The version.
            digest: SHA-256 of its file, lower-case hexadecimal. If the service serves another file
                as this version, such as one of another folder, the version is ``absent``.

        Raises:
            NoServiceError: Nothing answers, or the answer is not from the service.
        """
        try:
            found = self._connection.get(f"/models/{name}")
        except ServiceError as error:
            if error.status_code == 404:
                return Status("absent")
            raise
        for entry in found.get("versions", []) if isinstance(found, dict) else []:
            if entry.get("version") == version:
                if digest and entry.get("digest") not in (None, digest):
                    return Status("absent", OTHER_FILE)
                return Status(entry.get("state", "absent"), entry.get("reason"))
        return Status("absent")

    def model(self, name: str) -> Any:
        """Return the description of a model, ``GET /models/NAME``.

        Raises:
            ServiceError: The service has no such model.
            NoServiceError: The service does not answer.
        """
        return self._connection.get(f"/models/{name}")

    def selection(self) -> Any:
        """Return the selected model and version, ``None`` if none is selected.

        Raises:
            ServiceError: The service returns an error.
            NoServiceError: The service does not answer.
        """
        listed = self._connection.get("/models")
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
        return self._connection.send("POST", f"/models/{name}/versions/{version}/predict", records)

    def wait_until_ready(
        self,
        name: str,
        version: int,
        timeout: float,
        report: Callable[[Status], None] = lambda _: None,
        *,
        digest: str = "",
    ) -> Status | None:
        """Poll until the version is ready, quarantined or unloaded, or the timeout expires.

        Args:
            name: The model's name.
            version: The version.
            timeout: Seconds to wait.
            report: Called with the status after each poll.
            digest: Of the version's file, see :meth:`status`.

        Returns:
            The last status, or ``None`` if no service answered for most of a second, or at the end.

        Raises:
            ServiceError: The service refuses to say, or is busy to the end.
        """
        begin = time.monotonic()
        has_answered = False
        pause = 0.02
        last: Status | None = None
        while True:
            try:
                last = self.status(name, version, digest)
            except NoServiceError:
                last = None
            except ServiceError as error:
                if error.status_code not in BUSY or time.monotonic() - begin + pause > timeout:
                    raise
                last, has_answered = None, True
            waited = time.monotonic() - begin
            if last is not None:
                has_answered = True
                report(last)
                if last.state in ("ready", "quarantined", "unloaded"):
                    return last
            if waited + pause > timeout or (waited > _NO_SERVICE_SECONDS and not has_answered):
                return last
            time.sleep(pause)  # the service cannot notify a notebook
            pause = min(pause * 1.5, 0.5)
