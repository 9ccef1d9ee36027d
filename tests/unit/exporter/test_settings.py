from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from exporter.errors import NotAdmittedError, OptionError
from exporter.publishing import publish
from exporter.settings import resolve_limits
from inference.admission.admission import Limits

if TYPE_CHECKING:
    from pathlib import Path


def _publish(folder: Path) -> None:
    rows = np.arange(20.0).reshape(10, 2)
    publish(LogisticRegression().fit(rows, np.arange(10) % 2), "m", rows, models_dir=folder)


def test_examines_within_the_limits_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings hold in a notebook, too; without them its defaults do."""
    assert resolve_limits() == Limits()
    monkeypatch.setenv("INFERENCE_ADMISSION_TIMEOUT_SECONDS", "90")
    monkeypatch.setenv("INFERENCE_ADMISSION_MEMORY_BYTES", str(2**31))
    assert resolve_limits() == Limits(90, 2**31)


def test_names_the_setting_that_a_slow_file_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice of the refusal works where it is given: the setting is read here."""
    monkeypatch.setenv("INFERENCE_ADMISSION_TIMEOUT_SECONDS", "0.001")
    with pytest.raises(NotAdmittedError, match="INFERENCE_ADMISSION_TIMEOUT_SECONDS"):
        _publish(tmp_path)
    monkeypatch.setenv("INFERENCE_ADMISSION_TIMEOUT_SECONDS", "120")
    _publish(tmp_path)
    assert (tmp_path / "m" / "1" / "model.onnx").exists()


def test_refuses_a_wrong_setting_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting is named, and no row is read."""
    monkeypatch.setenv("INFERENCE_ADMISSION_TIMEOUT_SECONDS", "soon")
    with pytest.raises(OptionError, match="INFERENCE_ADMISSION_TIMEOUT_SECONDS"):
        _publish(tmp_path)
