"""A service with the five penguins and models on other columns, and what is generated from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.answers.kinds import kinds
from support.models.artifacts import mixed, regressor
from support.project import ROOT
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
PENGUINS = 5


def run(*command: object, cwd: Path, within: float = 300) -> str:
    """Run a command with this environment's tools in front; fail with what it says."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=within,
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "200"},
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start a service with the models of `make serve`, a mixed one, and one of each kind."""
    with Service(tmp_path_factory.mktemp("clients")) as service:
        publishing = os.environ | {"EXPORTER_MODELS_DIR": str(service.models)}
        subprocess.run(
            [sys.executable, ROOT / "notebooks" / "penguins.py"], env=publishing, check=True
        )
        service.put("mixed/1/model.onnx", mixed())
        service.put("regressor/1/model.onnx", regressor())
        for name, content in kinds().items():
            service.put(f"{name}/1/model.onnx", content)
        service.start(within=60)
        assert len(service.client.get("/v2/models").json()["models"]) == PENGUINS + 2 + len(kinds())
        yield service


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Install the TypeScript tools that package-lock.json pins."""
    assert shutil.which("npm"), "npm is not there: Debian's packages nodejs and npm have it"
    home = ROOT / ".tools" / "clients"
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, home)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=home)
    return home / "node_modules"
