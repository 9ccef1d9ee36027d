"""What the README shows works as it is shown."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from palmerpenguins import load_penguins
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from service_process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Start a service with an empty models folder."""
    running = Service(tmp_path).start()
    yield running
    running.stop()


def blocks(section: str, language: str) -> list[str]:
    """Give the code blocks of a language in a section."""
    text = README.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run_curl(command: str, client: httpx.Client) -> Any:
    """Do what a curl command says, on the test's service."""
    words = iter(shlex.split(command)[1:])
    method, headers, body, url = "GET", {}, None, ""
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, value = next(words).split(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case _:
                url = word.removeprefix("http://127.0.0.1:8000")
    return client.request(method, url, headers=headers, content=body).raise_for_status().json()


def test_publish_and_the_first_prediction_work_as_shown(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python block publishes; the curl commands give the answer that is printed."""
    penguins = load_penguins().dropna(subset=MEASUREMENTS)
    train, test = train_test_split(
        penguins, test_size=0.25, stratify=penguins["species"], random_state=20
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train[MEASUREMENTS], train["species"])
    given = {
        "model": model,
        "X_train": train[MEASUREMENTS],
        "y_train": train["species"],
        "X_test": test[MEASUREMENTS],
        "y_test": test["species"],
    }
    monkeypatch.setenv("EXPORTER_MODELS_DIR", str(service.models))
    monkeypatch.setenv("EXPORTER_URL", str(service.client.base_url))
    (shown,) = blocks("Publish your own", "python")
    name = "penguins-logistic-regression"

    exec(compile(shown.replace('"penguins"', f'"{name}"'), "README.md", "exec"), given)  # noqa: S102

    (commands,) = blocks("A first prediction", "console")
    lines = commands.replace("\\\n", " ").replace("$ ", "").splitlines()
    answers = [run_curl(line, service.client) for line in lines]
    (printed,) = (json.loads(block) for block in blocks("A first prediction", "json"))
    answer = answers[-1]
    assert list(answer) == list(printed)
    assert answer["probabilities"] == pytest.approx(printed["probabilities"], abs=1e-3)
    assert {**answer, "probabilities": None} == {**printed, "probabilities": None}
