"""The traffic of one model, as a notebook sets it: split, shadow, promotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.errors import ExporterError

if TYPE_CHECKING:
    from exporter.delivery.connection import Connection


class ModelTraffic:
    """The traffic of one model: call it to set a split or a shadow, and :meth:`end` ends both.

    Example::

        m.traffic(split={3: 90, 4: 10}, sticky="x-customer")
        m.traffic(shadow=4, promote={"after_rows": 10_000, "max_disagreement": 0.01})
        m.traffic.measured
        m.traffic.end()

    Args:
        connection: The connection to the service.
        path: The path of the model.
    """

    def __init__(self, connection: Connection, path: str) -> None:
        self._connection = connection
        self._path = f"{path}/traffic"

    def __call__(
        self,
        *,
        split: Mapping[int, float] | None = None,
        shadow: int | Mapping[str, float] | None = None,
        sticky: str | None = None,
        promote: Mapping[str, float] | None = None,
    ) -> ModelTraffic:
        """Replace the split and the shadow.

        Args:
            split: Percent of the requests by version; they add up to 100.
            shadow: A version that answers the same rows unseen; or a part of them, with
                ``{"version": 4, "percent": 20}``.
            sticky: A header: requests with the same value get the same version.
            promote: The gates after which the new version is pinned, or the old one.

        Raises:
            ServiceError: The service refuses it; the message says why.
            NoServiceError: No service answers.
        """
        given = {
            "split": _plain(split),
            "shadow": _plain(shadow),
            "sticky": sticky,
            "promote": _plain(promote),
        }
        body = {name: value for name, value in given.items() if value is not None}
        self._connection.send("PUT", self._path, body)
        return self

    def end(self) -> ModelTraffic:
        """End the split and the shadow; the pinned or the highest version answers all requests."""
        self._connection.send("DELETE", self._path)
        return self

    @property
    def state(self) -> dict[str, Any] | None:
        """The split, the shadow and their gates; ``None`` without a split and a shadow."""
        found: dict[str, Any] | None = self._get()["traffic"]
        return found

    @property
    def measured(self) -> dict[str, Any] | None:
        """What was measured of the new version since the traffic was set."""
        found: dict[str, Any] | None = self._get()["measured"]
        return found

    @property
    def decision(self) -> dict[str, Any] | None:
        """How the last rollout with ``promote`` has ended: promoted, or the gate it broke."""
        found: dict[str, Any] | None = self._get()["decision"]
        return found

    def _get(self) -> dict[str, Any]:
        found: dict[str, Any] = self._connection.get(self._path)
        return found

    def __repr__(self) -> str:
        try:
            return f"<ModelTraffic {self._get()}>"
        except ExporterError as error:
            return f"<ModelTraffic: {error}>"


def _plain(value: Any) -> Any:
    """Return a JSON value, also of NumPy's numbers, as an index of versions has."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    return value.item() if isinstance(value, np.generic) else value
