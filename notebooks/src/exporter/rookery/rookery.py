"""The models of a running service, as a notebook uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.delivery.connection import Connection
from exporter.errors import ExporterError, InvalidNameError
from exporter.rookery import tables
from exporter.rookery.served_model import ServedModel
from exporter.settings import resolve_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

_RETRIES = 3


class Rookery:
    """The models of a running service. A notebook shows them as a table.

    Example::

        r = Rookery()
        r["penguins"].predict(df)

    Args:
        url: Address of the service; ``None`` for ``EXPORTER_URL``, or the local default.
        api_key: An API key; ``None`` for ``EXPORTER_API_KEY``.

    Raises:
        OptionError: ``url`` is not an HTTP URL.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        self._connection = Connection(resolve_url(url), api_key, retries=_RETRIES)

    @property
    def url(self) -> str:
        """Address of the service."""
        return self._connection.url

    @property
    def selected(self) -> str | None:
        """The name of the model of ``POST /predict/``; ``None`` if none is selected."""
        chosen = self._listed()["selected"]
        return None if chosen is None else str(chosen["model"])

    def models(self) -> pd.DataFrame:
        """Return a table of all models: state, task, active version, metrics, selection.

        Raises:
            ServiceError: The service refuses the request.
            NoServiceError: No service answers.
        """
        return tables.models_of(self._listed()["models"])

    def __getitem__(self, name: str) -> ServedModel:
        """Return a model.

        Raises:
            InvalidNameError: ``name`` is no name at all.
            ServiceError: There is no such model; suggests the closest name.
            NoServiceError: No service answers.
        """
        if not isinstance(name, str) or not name.strip("."):  # which are other paths
            raise InvalidNameError(f"{name!r} is no model's name: pass one that list(rookery) has")
        model = ServedModel(self._connection, name)
        _ = model.description  # or there is no such model
        return model

    def __iter__(self) -> Iterator[str]:
        return iter([model["name"] for model in self._listed()["models"]])

    def __len__(self) -> int:
        return len(self._listed()["models"])

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def _listed(self) -> dict[str, Any]:
        return self._connection.describe("/models", "models")

    def __repr__(self) -> str:
        try:
            return f"<Rookery at {self.url}>\n{self.models().to_string()}"
        except ExporterError as error:
            return f"<Rookery at {self.url}: {error}>"

    def _repr_html_(self) -> str:
        try:
            return tables.models_html(self.models(), self.url)
        except ExporterError as error:
            return tables.failure_html(self.url, str(error))
