"""From served requests of one servable to a frame of a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.monitoring.log.rows.answer_columns import answer_columns
from inference.monitoring.log.rows.logged_rows import Requests, encode_rows
from inference.monitoring.log.rows.schema import OPTIONAL, Column, Names, Schema, feature_kind
from inference.monitoring.log.rows.truth_kind import TruthKind
from inference.monitoring.log.rows.values import encode_values

if TYPE_CHECKING:
    from collections.abc import Collection

    from inference.model.servable import Servable
    from inference.monitoring.columns import ServedTable
    from inference.monitoring.log.rows.packed_rows import PackedTable


class RowEncoder:
    """Encodes the rows of one servable, which it does not keep.

    Args:
        servable: The servable, with a model of rows.
        omitted: Names of features and columns that are left out.

    Attributes:
        schema: The columns.
        names: All names that may be omitted, also those that are.
    """

    def __init__(self, servable: Servable, omitted: Collection[str]) -> None:
        names = Names()
        every = list(answer_columns(servable, names))
        answers = [answer for answer in every if answer.column.name not in omitted]
        self.names = {*OPTIONAL, *(answer.column.name for answer in every)}
        dtypes = {spec.name: spec.dtype for spec in servable.signature.inputs}
        features = []
        for feature in servable.features or ():
            name = names.add(feature.name, "feature")
            self.names |= {feature.name, name}
            if feature.name not in omitted and name not in omitted:
                column = Column(name, feature_kind(feature, dtypes[feature.input]))
                features.append((column, feature))
        self._answers, self._features = answers, features
        columns = [column for column, _ in features] + [answer.column for answer in answers]
        truths = [answer.column.name for answer in answers if answer.is_truth]
        kind = TruthKind.of(servable)
        self.schema = Schema(
            model=servable.name,
            version=servable.version,
            digest="" if "digest" in omitted else servable.digest,
            columns=columns,
            has_keys="key_id" not in omitted,
            has_latency="latency_ms" not in omitted,
            truth_kind=kind if kind is not None and len(truths) == kind.count else None,
            truth_columns=truths,
        )

    def encode(self, table: ServedTable | PackedTable, requests: Requests) -> bytes:
        """Return the frame of rows of this servable.

        Args:
            table: The rows.
            requests: Their requests; what the schema leaves out is left out.
        """
        columns: list[tuple[bytes, bytes]] = []
        for column, feature in self._features:
            values, missing = table.feature(feature)
            columns.append(encode_values(column.kind, values, missing))
        found = table.answers()
        for answer in self._answers:
            output = found.get(answer.output)
            chosen = None if output is None else answer.choose(output.values)
            if output is None or chosen is None:
                columns.append(_nothing(answer.column, table.rows))
            else:
                columns.append(encode_values(answer.column.kind, chosen, output.missing))
        has_keys = self.schema.has_keys and any(requests.keys)
        requests = requests._replace(
            keys=requests.keys if has_keys else (),
            seconds=requests.seconds if self.schema.has_latency else (),
        )
        return encode_rows(self.schema, requests, columns)


def requests_of(table: ServedTable) -> Requests:
    """Return what is known of the requests in a table."""
    batch = table.batch
    return Requests(
        ids=batch.request_ids,
        keys=batch.key_ids,
        times=batch.times,
        seconds=batch.seconds,
        counts=() if table.rows == len(batch) else table.counts,
    )


def _nothing(column: Column, rows: int) -> tuple[bytes, bytes]:
    """Return a column without any value, of an output that was not asked for."""
    values: Any = [None] * rows if column.kind == "text" else np.zeros(rows)
    return encode_values(column.kind, values, np.ones(rows, bool))
