from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from inference.cli import main
from inference.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("INFERENCE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("KEEP_VERSIONS", "0"),
        ("KEEP_VERSIONS", "1.5"),
        ("RESCAN_SECONDS", "0"),
        ("RESCAN_SECONDS", "1e-9"),
        ("RESCAN_SECONDS", "inf"),
        ("RESCAN_SECONDS", "nan"),
        ("SETTLE_MS", "-1"),
        ("ADMISSION_TIMEOUT_SECONDS", "inf"),
        ("ADMISSION_TIMEOUT_SECONDS", "0"),
        ("ADMISSION_MEMORY_BYTES", "1"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_ROWS", "many"),
        ("FORCE_POLLING", "maybe"),
        ("LOG_LEVEL", "loud"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "models"])
def test_a_bad_value_stops_the_start_and_is_named(
    command: str,
    name: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"INFERENCE_{name}", value)
    assert main([command]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"inference: INFERENCE_{name}='{value}': Input should be") or (
        name == "LOG_LEVEL" and line.startswith("inference: INFERENCE_LOG_LEVEL='loud'")
    )


def test_every_bad_value_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INFERENCE_PORT", "x")
    monkeypatch.setenv("INFERENCE_KEEP_VERSIONS", "x")
    assert main(["serve"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
