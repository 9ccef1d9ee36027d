"""What watches the service, by its settings."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from inference.errors import SettingError
from inference.monitoring.hand_off import HandOff

if TYPE_CHECKING:
    from inference.monitoring.hand_off import Consumer
    from inference.monitoring.log.prediction_log import PredictionLog
    from inference.settings import Settings
    from inference.telemetry.recorder import Recorder


def start_hand_off(recorder: Recorder, consumers: list[Consumer]) -> HandOff:
    """Make the hand-off, and let the recorder hand on every answered request.

    Without consumers, nothing is handed on.
    """
    hand_off = HandOff(consumers, recorder.count_unwatched)
    if consumers:
        recorder.latency.hand_on = hand_off.append
    return hand_off


def make_prediction_log(settings: Settings, recorder: Recorder) -> PredictionLog | None:
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
