"""``make load`` against a real service, and against none; in an environment of its own."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.make_calls import without_make
from support.models.artifacts import penguins
from support.project import ROOT
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Load = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow

UV = ROOT / ".tools" / "bin" / "uv"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Run the recipe of ``make load`` as make would, with reports of the test's own."""

    def run(url: str, **options: object) -> subprocess.CompletedProcess[str]:
        given = {"LOAD_URL": url, "LOAD_USERS": 4, "LOAD_SECONDS": 1, "LOAD_P95_MS": 5000} | options
        planned = subprocess.run(
            ["make", "-n", "load", *(f"{name}={value}" for name, value in given.items())],
            cwd=ROOT,
            env=without_make(),
            capture_output=True,
            text=True,
            check=True,
        )
        recipe = planned.stdout[planned.stdout.index("locust --locustfile") :]
        recipe = recipe.replace("reports/", f"{tmp_path}/")
        return subprocess.run(
            ["sh", "-c", f"{UV} run --quiet --isolated --locked --only-group load {recipe}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "service") as service:
        yield service.start()


def test_without_a_service_it_ends_at_once(load: Load) -> None:
    done = load("http://127.0.0.1:1")
    assert done.returncode == 1
    assert "no service answers at http://127.0.0.1:1 (Connection refused): start it" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_model_it_ends_at_once(load: Load, service: Service) -> None:
    done = load(str(service.client.base_url))
    assert done.returncode == 1
    assert "has no model that is ready: publish one first" in done.stderr


def test_a_service_with_keys_is_asked_with_one(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, entry = make_key("load", ["predict"])
    (tmp_path / "keys.txt").write_text(entry)
    with Service(tmp_path / "service", api_keys_file=tmp_path / "keys.txt") as service:
        service.put("first/1/model.onnx", penguins())
        url = str(service.start().client.base_url).rstrip("/")
        for wrong in ("", "rk_wrong"):
            monkeypatch.setenv("INFERENCE_API_KEY", wrong)
            done = load(url)
            assert done.returncode == 1
            assert f"{url} requires an API key: set INFERENCE_API_KEY" in done.stderr
        monkeypatch.setenv("INFERENCE_API_KEY", key)
        done = load(url)
        assert done.returncode == 0, done.stderr
        assert "Knee: " in done.stdout


def test_the_report_holds_the_knee_each_step_and_latency_by_model(
    load: Load, service: Service, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        service.put(f"{name}/1/model.onnx", penguins(note=name))
        service.wait_for(name, state="ready")
    url = str(service.client.base_url).rstrip("/")
    done = load(url)
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "load.md").read_text()
    assert report.startswith(f"# Load on {url}\n")
    reported = r"^Knee: (\d+) users, [\d,]+ answers/s, p95 [\d.]+ ms \(bounds: p95 5000 ms"
    knee = re.search(reported, report, re.MULTILINE)
    assert knee
    steps = re.findall(r"^\| (\d+) +\| [\d,]+ +\| [\d.]+ +\|.*\|", report, re.MULTILINE)
    assert steps == ["1", "2", "4"]
    assert len(re.findall(r"\| knee +\|", report)) == 1
    by_model = report.partition(f"At the knee, {knee[1]} users:\n")[2]
    for name in ("first", "second"):
        assert re.search(rf"^\| {name}, 1 row +\| [\d,]+ +\| [\d.]+ +\| ", by_model, re.MULTILINE)
    assert report.partition("\n\n")[2] in done.stdout
    assert (tmp_path / "load.html").stat().st_size > 0
