"""What watches the service, by its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.monitoring.hand_off import HandOff

if TYPE_CHECKING:
    from inference.monitoring.hand_off import Consumer
    from inference.telemetry.recorder import Recorder


def start_hand_off(recorder: Recorder, consumers: list[Consumer]) -> HandOff:
    """Make the hand-off, and let the recorder hand on every answered request.

    Without consumers, nothing is handed on.
    """
    hand_off = HandOff(consumers, recorder.count_unwatched)
    if consumers:
        recorder.latency.hand_on = hand_off.append
    return hand_off
