"""The columns that the prediction log leaves out."""

from __future__ import annotations

import re

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
