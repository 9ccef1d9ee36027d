"""The prediction log of one process: takes served requests, and has their rows written."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from inference.monitoring.columns import ServedTable
from inference.monitoring.hand_off import HandOff
from inference.monitoring.log.backlog import Backlog
from inference.monitoring.log.counts import LogCounts
from inference.monitoring.log.omitted_names import OmittedNames
from inference.monitoring.log.rows.encoder import RowEncoder, requests_of
from inference.monitoring.log.tap import LogTap, SampledTap
from inference.monitoring.log.writer import Limits, Writer
from inference.telemetry.timing import epoch_offset

if TYPE_CHECKING:
    from pathlib import Path

    from inference.model.servable import Servable
    from inference.monitoring.log.backlog import RowBuffer
    from inference.monitoring.served import ServedBatch
    from inference.settings import Settings
    from inference.telemetry.counters import Counters
    from inference.telemetry.request_latency import Tap


class PredictionLog:
    """Logs a sample of the answered requests, whole.

    Models that take tensors instead of rows are left out.

    Args:
        sample: The share of requests that are logged.
        omitted: Names of features and columns that are left out.
        writer: Writes the rows.
        counts: Counts rows that are lost.
        has_keys: Whether callers have keys.
    """

    needs_ids = True  # as a consumer of the hand-off

    def __init__(
        self,
        sample: float,
        omitted: tuple[str, ...],
        writer: Writer,
        counts: LogCounts,
        *,
        has_keys: bool = True,
    ) -> None:
        self._sample = sample
        self._has_keys = has_keys
        self._omitted = OmittedNames(omitted)
        self._writer = writer
        self._counts = counts
        self._hand_off = HandOff([self])
        self._backlog = Backlog(writer.wake)
        self._counted = 0  # of the lost rows
        self._encoders: weakref.WeakKeyDictionary[Servable, RowEncoder]
        self._encoders = weakref.WeakKeyDictionary()
        writer.before_flush = self._take_packed

    def tap(self, servable: Servable) -> Tap | None:
        """Make what takes the requests of a version; keep it as long as the version."""
        if servable.columns is None or not self._sample:
            return None
        tap = LogTap(self._backlog, self._hand_off.append, has_keys=self._has_keys)
        return tap if self._sample == 1 else SampledTap(tap, self._sample)

    def consume(self, servable: Servable, batch: ServedBatch) -> None:
        """Take requests that were not packed."""
        try:
            self._encode_whole(servable, batch)
        except Exception as error:  # noqa: BLE001 - other rows can be written
            self._writer.lose(sum(batch.rows), error)

    def _encode_whole(self, servable: Servable, part: ServedBatch) -> None:
        table = ServedTable(servable, part)
        if table.rows:
            encoder = self._encoder(servable)
            frame = encoder.encode(table, requests_of(table))
            self._writer.add(encoder.schema, frame, table.rows)

    def start(self) -> None:
        """Finish what ended processes have left, and be ready to write."""
        self._writer.start()

    def flush(self) -> None:
        """Write what was answered to the journal now."""
        self._hand_off.flush()
        self._writer.flush()

    def close(self) -> None:
        """Write what was answered, after the last request."""
        self._hand_off.close()
        self._writer.close()

    def _take_packed(self) -> None:
        """Encode all packed rows; in one thread at a time."""
        offset = epoch_offset()
        for buffer, packed in self._backlog.take():
            self._encode(buffer, packed, offset)
        lost = self._backlog.lost
        if lost > self._counted:
            self._counts.lost("behind", lost - self._counted)
            self._counted = lost

    def _encode(self, buffer: RowBuffer, packed: bytes, offset: float) -> None:
        try:
            encoder = buffer.encoder or self._begin(buffer)
            table = buffer.form.unpack(packed)
            frame = encoder.encode(table, table.requests(offset))
        except Exception as error:  # noqa: BLE001 - other rows can be written
            self._writer.lose(len(packed) // buffer.form.size, error)
        else:
            self._writer.add(encoder.schema, frame, table.rows)

    def _begin(self, buffer: RowBuffer) -> RowEncoder:
        servable, buffer.servable = buffer.servable, None
        if servable is None:
            raise RuntimeError("a row could not be encoded before")
        buffer.encoder = encoder = self._encoder(servable)
        return encoder

    def _encoder(self, servable: Servable) -> RowEncoder:
        encoder = self._encoders.get(servable)
        if encoder is None:
            encoder = self._encoders[servable] = RowEncoder(servable, self._omitted.names)
            self._omitted.check(encoder.schema, encoder.names)
        return encoder


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
    counts = LogCounts(counters)
    writer = Writer(root, limits, counts)
    sample, omitted = settings.prediction_log_sample, settings.prediction_log_omit
    has_keys = settings.api_keys_file is not None
    return PredictionLog(sample, omitted, writer, counts, has_keys=has_keys)
