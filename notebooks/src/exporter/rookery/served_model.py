"""One model of a running service, as a notebook uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from exporter.errors import DataError, ExporterError, OptionError, ServiceError
from exporter.rookery import tables
from exporter.rookery.answers import to_empty, to_frame, to_kind
from exporter.rookery.comparison import Comparison, compare
from exporter.rookery.drift import Drift, to_drift
from exporter.rookery.explanation import Explanation, WhatIf
from exporter.rookery.live import Live, read_live
from exporter.rookery.log import read_log
from exporter.rookery.parts import ask_in_parts, send_in_parts
from exporter.rookery.rows import is_texts, read_rows, read_truths
from exporter.rookery.traffic import ModelTraffic
from exporter.settings import resolve_prediction_log

if TYPE_CHECKING:
    import pandas as pd

    from exporter.delivery.connection import Connection
    from exporter.rookery.rows import Rows

_PART_TRUTHS = 500  # less than 64 KiB, as long as ids and labels are short
_WITH_CLASSES = ("classification", "clustering")


class ServedModel:
    """One model of a running service. A notebook shows it as a card with its versions.

    Args:
        connection: The connection to the service.
        name: The model's name.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name
        self._path = f"/models/{quote(name, safe='')}"
        self.traffic = ModelTraffic(connection, self._path)

    @property
    def description(self) -> dict[str, Any]:
        """What the service knows of the model, ``GET /models/NAME``."""
        return self._describe(None)

    @property
    def is_logged(self) -> bool:
        """Whether the service logs its predictions, which :meth:`log` and :meth:`live` need."""
        return bool(self._connection.get(f"{self._path}/live")["logged"])

    def predict(self, data: Any, version: int | None = None) -> Any:
        """Predict rows.

        Args:
            data: A DataFrame of pandas or polars, a pyarrow table, a NumPy array of shape ``[rows,
                features]``, one record, or a list of records or rows. Many are sent in parts.
            version: The version; ``None`` for the active one.

        Returns:
            The same kind as ``data``: a DataFrame with ``label`` and ``p_CLASS``, ``value``, ...
            and ``warnings``, and the index of ``data``; a record array for an array; the service's
            own predictions for records.

        Raises:
            DataError: ``data`` is not rows.
            ServiceError: The service refuses the rows; the message names the first wrong one.
            NoServiceError: No service answers.
        """
        rows = self._read(data, version)
        if not rows.records:
            return to_empty(rows, self._describe(version)["contract"])
        predictions, warnings = self._ask("predict", rows, version)
        return to_kind(rows, predictions, warnings)

    def explain(
        self, data: Any, version: int | None = None, classes: Literal["top", "all"] = "top"
    ) -> Explanation:
        """Explain the answers to rows by the contributions of their features.

        Args:
            data: As for :meth:`predict`.
            version: The version; ``None`` for the active one.
            classes: ``top`` explains the probability of the answered class, ``all`` of each class.

        Returns:
            A DataFrame with a row for each row and class, and a column for each feature; a
            notebook also draws the first row. ``draw(row)`` draws any row with matplotlib.

        Raises:
            OptionError: ``classes`` is neither.
            ServiceError: The model has no background rows, or the service refuses the rows.
            NoServiceError: No service answers.
        """
        if classes not in ("top", "all"):
            raise OptionError(f"classes={classes!r} is neither 'top' nor 'all'")
        rows, only_top = self._read(data, version), classes == "top"
        # Contributions to the other classes may be too many for an answer.
        has_classes = only_top and self._describe(version)["task"] in _WITH_CLASSES
        route = "explain?classes=top" if has_classes else "explain"
        predictions, _ = self._ask(route, rows, version)
        return tables.explanation_of(predictions, rows.index, only_top=only_top)

    def what_if(self, record: Any, feature: str, version: int | None = None) -> WhatIf:
        """Predict one record with other values of one feature.

        Args:
            record: One record, or a row of a DataFrame.
            feature: The feature that varies, over its training range or its categories.
            version: The version; ``None`` for the active one.

        Returns:
            A DataFrame with a row for each value; ``draw()`` plots it.

        Raises:
            DataError: ``record`` is more than one row.
            ServiceError: There is no such feature, or the service refuses the record.
            NoServiceError: No service answers.
        """
        rows = self._read(record, version)
        if len(rows) != 1:
            raise DataError(f"what_if takes one record, not {len(rows)}: pass df.iloc[0]")
        feature = str(feature)
        path = f"{self._versioned(version)}/whatif?feature={quote(feature, safe='')}"
        found = self._connection.send("POST", path, rows.records[0])
        answers = to_frame(found["predictions"], []).drop(columns="warnings")
        curve = WhatIf(answers.rename(columns={feature: f"{feature} (answer)"}))
        curve.insert(0, feature, found["values"])
        curve.feature = feature
        return curve

    def versions(self) -> pd.DataFrame:
        """Return a table of the versions, the highest first, with the metrics of loaded ones."""
        loaded = [self._version(entry) for entry in reversed(self.description["versions"])]
        return tables.versions_of(loaded)

    def _version(self, entry: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._describe(entry["version"])
        except ServiceError as error:
            if error.status_code != 404:  # removed meanwhile
                raise
            return entry

    def pin(self, version: int) -> ServedModel:
        """Make a version the active one, and keep it active when newer versions are published.

        Raises:
            ServiceError: There is no such version, or it cannot be loaded.
        """
        self._connection.send("PUT", f"{self._path}/active", {"version": version})
        return self

    def unpin(self) -> ServedModel:
        """Make the highest admitted version the active one again."""
        self._connection.send("PUT", f"{self._path}/active", {"version": "latest"})
        return self

    def select(self, version: int | None = None) -> ServedModel:
        """Make this the model of ``POST /predict/``.

        Args:
            version: Selects one version; ``None`` for whichever is active.
        """
        of_version = "" if version is None else f"&version={version}"
        query = f"model={quote(self.name, safe='')}{of_version}"
        self._connection.send("POST", f"/select-model/?{query}")
        return self

    def unload(self) -> ServedModel:
        """Remove the model from the service's memory; the files stay."""
        self._connection.send("POST", f"/v2/repository{self._path}/unload")
        return self

    def load(self) -> ServedModel:
        """Serve an unloaded model again."""
        self._connection.send("POST", f"/v2/repository{self._path}/load")
        return self

    def compare(self, first: int, second: int, data: Any, y: Any) -> Comparison:
        """Compare two versions on rows with known answers.

        Args:
            first: A version.
            second: Another version.
            data: The rows, as for :meth:`predict`.
            y: The true labels or values.

        Returns:
            ``metrics`` side by side with the latency of single rows, and ``disagreements``: the
            rows that the versions answer differently.

        Raises:
            DataError: There are not as many answers as rows.
            ServiceError: A version is not loaded, or refuses the rows.
        """
        rows = {version: self._read(data, version) for version in (first, second)}

        def ask(version: int, part: Rows) -> pd.DataFrame:
            return to_frame(*self._ask("predict", part, version), part.index)

        return compare(ask, (first, second), rows, y)

    def log(self, since: Any = None, folder: Any = None) -> pd.DataFrame:
        """Return the logged rows with their answers, and the truth where it came.

        Args:
            since: A time, or how long ago: ``"2026-11-01"``, ``"2h"``, a ``timedelta``; ``None``
                for all. A time without a zone is UTC.
            folder: The folder that the service logs to; ``None`` for ``EXPORTER_PREDICTION_LOG``.

        Returns:
            A row for each row asked, by time: fixed columns, features, answers, ``truth``.
        """
        return read_log(resolve_prediction_log(folder), self.name, since)

    def live(self, since: Any = None, every: str = "1h", folder: Any = None) -> Live:
        """Return how well versions did over time, by the truth that came.

        Args:
            since: As for :meth:`log`.
            every: The length of a period, such as ``"10min"`` or ``"1D"``.
            folder: As for :meth:`log`.

        Returns:
            A DataFrame with a row for each version and period; ``draw()`` plots it.
        """
        return read_live(resolve_prediction_log(folder), self.name, since, every)

    def drift(self, version: int | None = None) -> Drift:
        """Return how far served values are from those of the training data.

        Args:
            version: The version; ``None`` for the active one.

        Returns:
            A DataFrame with a row for each feature and answer; ``draw()`` plots it.
        """
        asked = "" if version is None else f"?version={version}"
        return to_drift(self._connection.get(f"{self._path}/drift{asked}"))

    def feedback(self, request_id: str, truth: Any) -> int:
        """Send the truth of the rows of one request.

        Args:
            request_id: The ``X-Request-ID`` of its answer, the column ``request_id`` of the log.
            truth: The true label or value, or one for each row: a list, an array or a Series. Many
                are sent in parts.

        Returns:
            How many the service has accepted; fewer if the answers are not in its log.
        """
        truths = enumerate(read_truths(truth))
        body = [{"request_id": request_id, "row": at, "truth": one} for at, one in truths]
        sent = send_in_parts(self._connection, "/feedback", body, _PART_TRUTHS)
        return sum(int(answer["accepted"]) for _, answer in sent)

    def _versioned(self, version: int | None) -> str:
        return self._path if version is None else f"{self._path}/versions/{version}"

    def _describe(self, version: int | None) -> dict[str, Any]:
        return self._connection.describe(self._versioned(version), "features")

    def _read(self, data: Any, version: int | None) -> Rows:
        """Read rows as a version takes them, without the columns of a table that it does not read.

        A list of texts is one row, except for a model that takes one text.
        """
        if is_texts(data) and len(self._describe(version)["features"] or []) == 1:
            data = [[text] for text in data]
        contract = self._describe(version)["contract"] if hasattr(data, "columns") else None
        return read_rows(data, (contract or {}).get("unused") or ())

    def _ask(
        self, route: str, rows: Rows, version: int | None
    ) -> tuple[list[dict[str, Any]], list[Any]]:
        """Send rows in parts, and return all predictions and warnings."""
        path = f"{self._versioned(version)}/{route}"
        return ask_in_parts(self._connection, path, rows.records, self._describe)

    def __repr__(self) -> str:
        return f"<ServedModel {self.name} at {self._connection.url}{self._path}>"

    def _repr_html_(self) -> str:
        url = self._connection.url
        try:
            return tables.model_card(self.description, self.versions(), url)
        except ExporterError as error:
            return tables.failure_html(url, str(error))
