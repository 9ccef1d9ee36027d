"""What the READMEs show works as it is shown, in both languages."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from palmerpenguins import load_penguins
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from support.project import ROOT
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "README.es.md")}
MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Start a service with an empty models folder."""
    running = Service(tmp_path).start()
    yield running
    running.stop()


def blocks(page: str, language: str) -> list[str]:
    """Give the code blocks of a language in a page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


def commands(page: str) -> list[str]:
    """Give the shell commands of a page, without their comments."""
    text = "".join(blocks(page, "console")).replace("\\\n", " ")
    return [shlex.join(shlex.split(line, comments=True)[1:]) for line in text.splitlines()]


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


@pytest.mark.parametrize("language", ["console", "python", "json"])
def test_both_pages_show_the_same_code(language: str) -> None:
    """The order may differ, the commands, programs and answers may not."""
    english, spanish = (
        commands(page) if language == "console" else blocks(page, language) for page in PAGES
    )

    assert english
    assert sorted(english) == sorted(spanish)


def test_spanish_page_has_the_order_of_the_course_report() -> None:
    sections = re.findall(r"^## (.+)$", PAGES["README.es.md"], re.MULTILINE)

    assert sections == [
        "Arquitectura",
        "Selección de modelos",
        "Inferencia",
        "Pruebas y validación",
    ]


@pytest.mark.parametrize("page", PAGES)
def test_targets_that_are_shown_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    shown = re.findall(r"\bmake ([a-z -]+)[`\n]", PAGES[page])

    assert shown
    assert {target for call in shown for target in call.split()} <= targets


@pytest.mark.parametrize("page", PAGES)
def test_figures_are_those_of_the_benchmarks(page: str) -> None:
    benchmarks = (ROOT / "docs" / "reference" / "benchmarks.md").read_text()
    measured = re.findall(
        r"against FastAPI, joblib and scikit-learn \| [^|]+ \| ([\d.]+) ", benchmarks
    )

    shown = re.findall(r"(\d+) (?:times as fast|veces más rápido)", PAGES[page])

    assert len(shown) == 2
    assert shown == [f"{float(figure):.0f}" for figure in measured]


@pytest.mark.parametrize("page", PAGES)
def test_publish_and_the_first_prediction_work_as_shown(
    page: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python blocks publish and ask; the curl commands give the answer that is printed."""
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
    name = "penguins-logistic-regression"

    for shown in blocks(page, "python"):
        only_version = shown.replace('"penguins"', f'"{name}"').replace("(1, 2,", "(1, 1,")
        exec(compile(only_version, page, "exec"), given)  # noqa: S102

    calls = [command for command in commands(page) if command.startswith("curl ")]
    answers = [run_curl(call, service.client) for call in calls]
    (printed,) = (json.loads(block) for block in blocks(page, "json"))
    assert len(answers) == 2
    answer = answers[-1]
    assert list(answer) == list(printed)
    assert answer["probabilities"] == pytest.approx(printed["probabilities"], abs=1e-3)
    assert {**answer, "probabilities": None} == {**printed, "probabilities": None}
