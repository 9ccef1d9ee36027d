"""The prediction log of one process: takes served requests, and has their rows written."""

from __future__ import annotations

import random
import weakref
from typing import TYPE_CHECKING

from inference.monitoring.columns import ServedTable
from inference.monitoring.log.counts import LogCounts
from inference.monitoring.log.rows.encoder import RowEncoder
from inference.monitoring.log.writer import Limits, Writer

if TYPE_CHECKING:
    from pathlib import Path

    from inference.model.servable import Servable
    from inference.monitoring.served import ServedBatch
    from inference.settings import Settings
    from inference.telemetry.counters import Counters


class PredictionLog:
    """Logs a sample of the answered requests, whole; a consumer of the hand-off.

    Models that take tensors instead of rows are left out.

    Args:
        sample: The share of requests that are logged.
        omitted: Names of features and columns that are left out.
        writer: Writes the rows.
    """

    needs_ids = True

    def __init__(self, sample: float, omitted: tuple[str, ...], writer: Writer) -> None:
        self._sample = sample
        self._omitted = frozenset(omitted)
        self._writer = writer
        self._random = random.Random()  # noqa: S311 - no secret; seeded by the system
        self._encoders: weakref.WeakKeyDictionary[Servable, RowEncoder]
        self._encoders = weakref.WeakKeyDictionary()

    def consume(self, batch: ServedBatch) -> None:
        """Take requests."""
        if self._sample < 1:
            chance, sample = self._random.random, self._sample
            batch = batch.choose([at for at in range(len(batch)) if chance() < sample])
        for servable, part in batch.by_servable().items():
            if servable.columns is not None:
                self._add(servable, ServedTable(servable, part))

    def start(self) -> None:
        """Finish what ended processes have left, and be ready to write."""
        self._writer.start()

    def flush(self) -> None:
        """Write what was taken to the journal now."""
        self._writer.flush()

    def close(self) -> None:
        """Write what was taken, after the last batch."""
        self._writer.close()

    def _add(self, servable: Servable, table: ServedTable) -> None:
        if not table.rows:
            return
        encoder = self._encoders.get(servable)
        if encoder is None:
            encoder = self._encoders[servable] = RowEncoder(servable, self._omitted)
        self._writer.add(encoder.schema, encoder.encode(table), table.rows)


def make_prediction_log(root: Path, settings: Settings, counters: Counters) -> PredictionLog:
    """Make the log of a process.

    Args:
        root: The folder.
        settings: The settings of the log.
        counters: Where rows are counted; of stride 1.
    """
    limits = Limits(
        settings.prediction_log_file_rows,
        settings.prediction_log_file_seconds,
        settings.prediction_log_days,
    )
    writer = Writer(root, limits, LogCounts(counters))
    return PredictionLog(settings.prediction_log_sample, settings.prediction_log_omit, writer)
