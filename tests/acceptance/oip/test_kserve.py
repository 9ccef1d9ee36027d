"""KServe's own inference client gets its answers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.service.process import Service

pytestmark = pytest.mark.long

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def answers(kserve_python: Path, filled: Service) -> dict[str, Any]:
    """Give what the client was answered."""
    run = subprocess.run(
        [kserve_python, HERE / "kserve_client.py", str(filled.client.base_url)],
        capture_output=True,
        timeout=100,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert run.returncode == 0, run.stderr
    answered: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answered


@pytest.mark.timeout(600)
def test_asks_for_health(answers: dict[str, Any]) -> None:
    assert answers["live"] is True
    assert answers["ready"] is True
    assert answers["model_ready"] is True
    assert answers["unloaded_ready"] is False


@pytest.mark.parametrize("binary", [True, False])
def test_is_answered_as_we_answer_ourselves(
    answers: dict[str, Any], filled: Service, *, binary: bool
) -> None:
    rows = [[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]]
    expected = filled.client.post("/models/penguins/predict", json=rows).json()
    answer = answers[f"binary={binary}"]
    assert (answer["id"], answer["model"]) == ("own id", "penguins")
    assert answer["label"] == [p["label"] for p in expected["predictions"]]
    tables = [list(p["probabilities"].values()) for p in expected["predictions"]]
    assert answer["probabilities"] == tables


def test_passes_strings_and_half_precision(answers: dict[str, Any]) -> None:
    assert answers["words"] == [["a", "", "日本"]]
    assert answers["half"] == [[1.5, -2.0]]


def test_reports_errors_in_our_words(answers: dict[str, Any]) -> None:
    assert "there is no model 'missing'" in answers["error"]
