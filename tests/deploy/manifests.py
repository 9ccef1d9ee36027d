"""Reads the manifests of deploy/ with the tools that users have."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "rookery"
_REFERENCE = (ROOT / "docs" / "reference" / "settings.md").read_text()
SETTINGS = set(re.findall(r"^\| `(INFERENCE_\w+)`", _REFERENCE, re.MULTILINE))

Manifest = dict[str, Any]


def kustomize(folder: Path) -> list[Manifest]:
    """Return the manifests of a kustomization."""
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # such as a deprecated field
    return list(yaml.safe_load_all(done.stdout))


def by_kind(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the manifests by kind; each kind is there once."""
    found = {manifest["kind"]: manifest for manifest in manifests}
    assert len(found) == len(manifests)
    return found
