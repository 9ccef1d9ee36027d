"""What watches the service, by its settings."""

from __future__ import annotations

import importlib.util
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from inference.errors import SettingError
from inference.monitoring.drift.counter import DriftCounter
from inference.monitoring.drift.report import DriftReports
from inference.monitoring.drift.window import Limits, Windows
from inference.monitoring.hand_off import HandOff
from inference.telemetry.request_latency import join_taps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference.monitoring.feedback.receiver import Feedback
    from inference.monitoring.feedback.recent import RecentTruths
    from inference.monitoring.log.prediction_log import PredictionLog
    from inference.runtime.shared_memory import Section
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.request_latency import MakeTap

# Drift may be a second old, and few large batches take less time than many small ones.
_DRIFT_SECONDS = 1.0


class Monitoring(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What watches the service.

    Attributes:
        hand_off: Gives served requests to what counts drift.
        drift: Reports the drift of versions; ``None`` where it is off.
        prediction_log: Logs rows; ``None`` where it is off.
        log_root: The folder of the log; ``None`` where it is off.
        count_feedback: Counts rows whose truth has arrived, by model and version.
    """

    hand_off: HandOff
    drift: DriftReports | None
    prediction_log: PredictionLog | None
    log_root: Path | None
    count_feedback: Callable[[str, int, int], None]

    def start(self) -> None:
        """Be ready before the first answer."""
        if self.prediction_log is not None:
            self.prediction_log.start()

    def flush(self) -> None:
        """Have all that was answered taken, and logged."""
        self.hand_off.flush()
        if self.prediction_log is not None:
            self.prediction_log.flush()

    def close(self) -> None:
        """Hand on and write all that was answered."""
        self.hand_off.close()
        if self.prediction_log is not None:
            self.prediction_log.close()

    @cached_property
    def feedback(self) -> Feedback:
        """Takes the truth of logged answers."""
        # Imported late, like the routes that need it.
        from inference.monitoring.feedback.receiver import Feedback  # noqa: PLC0415

        return Feedback(self.log_root, self.flush, self.count_feedback)

    @cached_property
    def truths(self) -> RecentTruths | None:
        """The latest truths; ``None`` where the log is off."""
        if self.log_root is None:
            return None
        from inference.monitoring.feedback.recent import RecentTruths  # noqa: PLC0415

        return RecentTruths(self.log_root)


def start_monitoring(settings: Settings, recorder: Recorder, section: Section) -> Monitoring:
    """Make what watches the service, and let the recorder hand on every answered request.

    If nothing watches, nothing is handed on. If only drift does, a sample is enough.
    """
    prediction_log = _make_prediction_log(settings, recorder)
    counter, drift = _make_drift(settings, section)
    hand_off = HandOff(
        [] if counter is None else [counter],
        recorder.count_unwatched,
        None if counter is None else counter.rate,
        wait_seconds=_DRIFT_SECONDS,
    )
    to_log = None if prediction_log is None else prediction_log.tap
    recorder.latency.tap = _join(to_log, None if counter is None else hand_off.tap)
    return Monitoring(
        hand_off=hand_off,
        drift=drift,
        prediction_log=prediction_log,
        log_root=settings.prediction_log,
        count_feedback=recorder.count_feedback,
    )


def _join(first: MakeTap | None, second: MakeTap | None) -> MakeTap | None:
    """Return what makes what gives requests to both."""
    if first is None or second is None:
        return first or second
    return lambda servable: join_taps(first(servable), second(servable))


def _make_drift(
    settings: Settings, section: Section
) -> tuple[DriftCounter | None, DriftReports | None]:
    """Make what counts served values, and what reports them; ``None`` where drift is off."""
    if not settings.drift:
        return None, None
    least, most = min(settings.drift_min_rows, settings.drift_rows), settings.drift_rows
    windows = Windows(Limits(least, most, settings.drift_seconds), section)
    counter = DriftCounter(windows)
    return counter, DriftReports(windows, counter)


def _make_prediction_log(settings: Settings, recorder: Recorder) -> PredictionLog | None:
    """Make the prediction log; ``None`` where it is off."""
    if settings.prediction_log is None:
        return None
    # Imported late, because the log is off by default.
    from inference.monitoring.log import prediction_log  # noqa: PLC0415

    return prediction_log.make_prediction_log(settings.prediction_log, settings, recorder.log)


def check_prediction_log(settings: Settings) -> None:
    """Check that the extra is installed if the prediction log is on.

    Raises:
        SettingError: It is not.
    """
    if settings.prediction_log is not None and importlib.util.find_spec("arro3") is None:
        raise SettingError(
            "INFERENCE_PREDICTION_LOG needs a writer of Parquet files: install the extra "
            "'inference[log]' (in the image: build it with INFERENCE_EXTRAS=log), or unset it"
        )
