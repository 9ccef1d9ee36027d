"""Where the prediction log is, and the columns that it leaves out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inference.settings import InvalidSettingsError, Settings


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("", ()),
        ("age, Income", ("age", "Income")),
        (" , ", ()),
        ('["a, b", "c\\"d"]', ("a, b", 'c"d')),
        ("[]", ()),
        ("time (feature)", ("time (feature)",)),
    ],
)
def test_names_are_separated_by_commas_or_a_json_list(
    given: str, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCE_PREDICTION_LOG_OMIT", given)
    assert Settings().prediction_log_omit == names


@pytest.mark.parametrize("given", ["[", "[1]", '["age", null]', '["age"', '[["age"]]'])
def test_another_list_is_refused_with_a_right_one(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCE_PREDICTION_LOG_OMIT", given)
    with pytest.raises(InvalidSettingsError, match=re.escape('such as ["age", "a, b"]')):
        Settings()


@pytest.mark.parametrize("name", ["time", "request_id", "row", "version"])
def test_a_needed_column_stays_and_the_feature_of_this_name_is_said(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCE_PREDICTION_LOG_OMIT", f"age,{name}")
    with pytest.raises(InvalidSettingsError, match=re.escape(f"'{name} (feature)'")):
        Settings()


@pytest.mark.parametrize(
    ("given", "folder"), [("", None), ("/log", Path("/log")), ("a/b:c", Path("a/b:c"))]
)
def test_the_log_is_in_a_folder(
    given: str, folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCE_PREDICTION_LOG", given)
    assert Settings().prediction_log == folder


@pytest.mark.parametrize("given", ["s3://bucket/log", "gs://bucket", "file:///var/log"])
def test_an_address_is_no_folder(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCE_PREDICTION_LOG", given)
    with pytest.raises(InvalidSettingsError, match="it must be a folder, such as /var/lib"):
        Settings()
