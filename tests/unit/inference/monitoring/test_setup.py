"""What watches the service follows from its settings."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.app import reserve_memory
from inference.errors import SettingError
from inference.logs import REQUEST_ID
from inference.model.servable import Servable
from inference.monitoring.log.tap import LogTap, SampledTap
from inference.monitoring.setup import check_prediction_log, start_monitoring
from inference.monitoring.tap import Tap
from inference.runtime.shared_memory import Section
from inference.settings import Settings
from inference.telemetry.recorder import Recorder
from inference.telemetry.request_latency import TwoTaps
from support.models.artifacts import images, penguins
from support.monitoring.logged import journaled
from support.monitoring.watched import answered

if TYPE_CHECKING:
    from pathlib import Path

    from inference.monitoring.setup import Monitoring


def make(**settings: Any) -> tuple[Recorder, Monitoring]:
    section = Section(reserve_memory(), 0)
    recorder = Recorder(section)
    return recorder, start_monitoring(Settings(**settings), recorder, section)


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "arro3" else find(name)
    )
    with pytest.raises(SettingError) as caught:
        check_prediction_log(Settings(prediction_log=tmp_path))
    message = str(caught.value)
    for part in ("INFERENCE_PREDICTION_LOG", "inference[log]", "INFERENCE_EXTRAS=log", "unset it"):
        assert part in message
    check_prediction_log(Settings())  # the extra is not needed while the log is off


def test_with_the_extra_nothing_is_said(tmp_path: Path) -> None:
    check_prediction_log(Settings(prediction_log=tmp_path))


def test_if_nothing_watches_no_request_is_handed_on() -> None:
    recorder, monitoring = make(drift=False)
    assert recorder.latency.tap is None
    assert (monitoring.drift, monitoring.prediction_log, monitoring.truths) == (None, None, None)
    assert monitoring.hand_off.consumers == []


def test_if_only_drift_watches_requests_wait_longer_and_are_sampled() -> None:
    recorder, monitoring = make()
    assert recorder.latency.tap is not None
    assert monitoring.drift is not None
    assert monitoring.hand_off._wait_seconds == 1.0
    assert monitoring.hand_off._rate_of is not None
    monitoring.close()


def test_a_log_takes_every_request_and_drift_still_a_sample(tmp_path: Path) -> None:
    recorder, monitoring = make(prediction_log=tmp_path)
    assert recorder.latency.tap is not None
    assert monitoring.prediction_log is not None
    assert monitoring.hand_off._wait_seconds == 1.0
    servable = Servable.load("penguins", 1, penguins())
    tap = recorder.latency.tap(servable)
    assert isinstance(tap, TwoTaps)
    rows, results = {"X": np.ones((2, 4), np.float32)}, [np.array(["Adelie"] * 2)]
    for number in range(3):
        REQUEST_ID.set(b"id-%d" % number)
        timing = answered(None, feeds=rows, results=results, rows=2)
        tap.append(servable, timing)
    monitoring.flush()
    assert [row["request_id"] for row in journaled(tmp_path)] == ["id-0"] * 2 + ["id-1"] * 2 + [
        "id-2"
    ] * 2
    assert monitoring.drift is not None
    assert monitoring.hand_off._taken > 0
    monitoring.close()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"drift": False}, LogTap),
        ({"drift": False, "prediction_log_sample": 0.5}, SampledTap),
        ({"prediction_log_sample": 0}, Tap),
        ({"drift": False, "prediction_log_sample": 0}, type(None)),
    ],
)
def test_a_version_is_tapped_by_what_needs_it_only(
    settings: dict[str, Any], kind: type, tmp_path: Path
) -> None:
    recorder, monitoring = make(prediction_log=tmp_path, **settings)
    assert recorder.latency.tap is not None
    assert type(recorder.latency.tap(Servable.load("penguins", 1, penguins()))) is kind
    assert not isinstance(recorder.latency.tap(Servable.load("images", 1, images())), LogTap)
    monitoring.close()
