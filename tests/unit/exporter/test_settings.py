from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from exporter.errors import NotAdmittedError, OptionError
from exporter.publishing import publish
from exporter.settings import (
    resolve_keep,
    resolve_limits,
    resolve_models_dir,
    resolve_prediction_log,
    resolve_url,
)
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


@pytest.mark.parametrize(
    "url",
    [
        *(5, b"http://h", "h:8000", "http://", "http://h:port", "http://h:99999", "http://a..b"),
        *("http://[::1", "http://h/?x=1", "http://h/#x", "ftp://h", "http://h\x00"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_with_one_that_can(url: Any) -> None:
    with pytest.raises(OptionError, match=r"pass one such as 'http://127\.0\.0\.1:8000'"):
        resolve_url(url)


def test_blanks_around_an_address_are_not_part_of_it() -> None:
    assert resolve_url(" http://127.0.0.1:9/base/ \n") == "http://127.0.0.1:9/base"


@pytest.mark.parametrize("path", [5, b"models", "a\0b", ["models"]])
def test_what_is_no_path_is_named(path: Any) -> None:
    with pytest.raises(OptionError, match="models_dir must be a path"):
        resolve_models_dir(path)
    with pytest.raises(OptionError, match="folder must be a path"):
        resolve_prediction_log(path)


@pytest.mark.parametrize("keep", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_numpy_are_whole_numbers(keep: Any) -> None:
    assert resolve_keep(keep) == 3
    assert type(resolve_keep(keep)) is int
