"""Renders the manifests of deploy/ as a user combines them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import helm_python
import pytest
import yaml

from deploy.manifests import CHART, DEPLOY, Manifest, kustomize
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@pytest.fixture
def combined(tmp_path: Path) -> Callable[..., list[Manifest]]:
    """Give a function that renders an overlay with components."""

    def render(overlay: str, *components: str) -> list[Manifest]:
        kubernetes = Path(os.path.relpath(DEPLOY / "kubernetes", tmp_path))
        document = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [str(kubernetes / overlay)],
            "components": [str(kubernetes / "components" / name) for name in components],
        }
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(document))
        return kustomize(tmp_path)

    return render


@pytest.fixture(scope="session")
def chart() -> Generator[Callable[..., list[Manifest]]]:
    """Give a function that renders the chart with values."""
    with helm_python.Chart.load(str(CHART)) as loaded:

        def render(values: dict[str, Any], name: str = "rookery") -> list[Manifest]:
            loaded.validate_schema(values)
            rendered = loaded.render(values, name=name, namespace="models")
            texts = [text for file, text in rendered.items() if file.endswith(".yaml")]
            return [document for text in texts for document in yaml.safe_load_all(text) if document]

        yield render


@pytest.fixture(scope="session")
def fault_of() -> Generator[Callable[[Manifest], str]]:
    """Give a function that says what an operator's definition refuses in a custom resource."""
    python = ROOT / ".tools" / "operators" / "bin" / "python"
    if not python.exists():
        pytest.skip("`make test-deploy` makes the environment with the operators' definitions")
    program = ROOT / "tests" / "deploy" / "operators.py"
    command = [str(python), "-I", str(program)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines, answers = process.stdin, process.stdout

        def fault(manifest: Manifest) -> str:
            lines.write(json.dumps(manifest) + "\n")
            lines.flush()
            found: str = json.loads(answers.readline())
            return found

        yield fault
        lines.close()
