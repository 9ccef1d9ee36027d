"""The publication: the result of publish()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd

from exporter.delivery.client import ServiceClient
from exporter.display import card
from exporter.display.progress import Progress
from exporter.display.published_version import PublishedVersion
from exporter.errors import NoServiceError, NotServedError, QuarantinedError
from exporter.rookery.rows import read_rows

if TYPE_CHECKING:
    from exporter.delivery.client import State, Status

_STEPS: dict[State, str] = {
    "absent": "the service has not seen the file yet",
    "loading": "examining",
    "ready": "live",
    "quarantined": "quarantined",
    "unloaded": "unloaded",
}


class Publication(PublishedVersion):
    """A published version of a model, and what you can do with it.

    A notebook shows it as a card. After :meth:`wait`, a card that was already shown is not shown
    again: one line says that the version is live.
    """

    _is_live = False
    _is_card_shown = False

    def wait(self, timeout: float = 10) -> Publication:
        """Block until the service serves this version, and show what the service does meanwhile.

        Args:
            timeout: Seconds to wait. Without a service, the wait ends within a second.

        Returns:
            This publication.

        Raises:
            QuarantinedError: The service refused the version; the message has its reason.
            NotServedError: The version is not served in time, or was unloaded.
            NoServiceError: No service answers at ``url``.
        """
        what = f"{self.name} version {self.version}"
        with Progress(what, action="waiting for") as steps:
            steps.begin("looking for the service")
            status = ServiceClient(self.url).wait_until_ready(
                self.name,
                self.version,
                timeout,
                lambda now: steps.begin(_STEPS[now.state]),
                digest=self.report.digest,
            )
            if status is None or status.state != "ready":
                self._raise_not_served(what, status, timeout)
            steps.done(f"{what} is live", " after")
        self._is_live = True
        return self

    def _raise_not_served(self, what: str, status: Status | None, timeout: float) -> NoReturn:
        if status is None:
            raise NoServiceError(
                f"{what} is published as {self.path}, but no service answers at {self.url}: "
                "start it (make serve, or docker compose up -d), or pass the right url="
            )
        because = f": {status.reason}" if status.reason else ""
        if status.state == "quarantined":
            raise QuarantinedError(f"the service refused {what}{because}")
        if status.state == "absent":
            found = f"serves another file as {what}" if status.reason else f"did not find {what}"
            raise NotServedError(
                f"the service at {self.url} {found} after {timeout:g} s: "
                f"does it serve the folder or bucket of {self.path}?"
            )
        raise NotServedError(f"{what} is {status.state} after up to {timeout:g} s{because}")

    def predict(self, records: Any) -> Any:
        """Request predictions of this version from the service.

        Args:
            records: One record, a list of records or of rows, an array, or a DataFrame.

        Returns:
            The service's answer.

        Raises:
            DataError: The records are none of these.
            ServiceError: The service refuses the records; the message has its reason.
            NoServiceError: No service answers at ``url``.
        """
        if _is_unnamed(records, {feature.name for feature in self.contract.features}):
            records = records.tolist()  # one row
        rows = read_rows(records, self.contract.unused or ())
        sent = rows.records[0] if rows.kind == "record" else rows.records
        return ServiceClient(self.url).predict(self.name, self.version, sent)

    def __repr__(self) -> str:
        return f"<Publication {self.name} version {self.version} at {self.predict_url}>"

    def __str__(self) -> str:
        return card.to_text(self)

    def _repr_html_(self) -> str:
        return card.to_html(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        if self._is_live and self._is_card_shown:
            return {"text/html": card.to_live_line(self), "text/plain": repr(self)}
        self._is_card_shown = True
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def _is_unnamed(records: Any, features: set[str]) -> bool:
    """Whether records are a vector, whose values have no names: those of a row of a frame have."""
    if isinstance(records, pd.Series):
        return features.isdisjoint(map(str, records.index))
    return isinstance(records, np.ndarray) and records.ndim == 1 and not records.dtype.names
