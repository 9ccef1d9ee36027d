from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.models.oip_models import fill
from support.project import ROOT
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

# Run by the isolated environment that has KServe; there is nothing in it to collect.
collect_ignore = ["kserve_client.py"]

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "kserve.txt"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve every kind of model, for the tests of one module."""
    service = fill(Service(tmp_path_factory.mktemp("oip")))
    try:
        yield service.start(within=120)
    finally:
        service.stop()


@pytest.fixture(scope="module")
def address(filled: Service) -> str:
    """Tell where it listens, as ``host:port``."""
    return filled.client.base_url.netloc.decode()


@pytest.fixture(scope="session")
def kserve_python() -> Path:
    """Make the client's environment once, in the project's folder for tools."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    home = ROOT / ".tools" / f"kserve-{digest}"
    interpreter = home / "bin" / "python"
    if not (home / "complete").exists():
        uv = os.environ.get("UV") or shutil.which("uv") or ROOT / ".tools" / "bin" / "uv"
        if not Path(uv).exists():
            pytest.skip("uv is not there to make the environment of KServe's client")
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True
        )
        install = [uv, "pip", "install", "--quiet", "--python", interpreter, "-r", REQUIREMENTS]
        subprocess.run(install, check=True)
        (home / "complete").touch()
    return interpreter
