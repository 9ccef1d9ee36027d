"""What continuous integration calls: targets that exist, and what is left out is shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = ["strace", "nginx", "haproxy", "caddy", "wget", "promtool", "curl", "npm", "chromium"]
CALLERS = [".ci/run", ".github/workflows/ci.yml", ".pre-commit-config.yaml"]


def run_ci(folder: Path, *, engine: bool, laboratory: bool) -> subprocess.CompletedProcess[str]:
    """Run .ci/run in a folder of its own, where every command succeeds without doing anything."""
    project = folder / "project"
    commands = folder / "bin"
    (project / ".ci").mkdir(parents=True)
    commands.mkdir()
    shutil.copy(ROOT / ".ci" / "run", project / ".ci" / "run")
    for name in ["make", "docker", *TOOLS]:
        status = 1 if name == "docker" and not engine else 0
        (commands / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (commands / name).chmod(0o755)
    if laboratory:
        (folder / "shared").mkdir()
        for script in ("container-lab.sh", "kubernetes-lab.sh"):
            (folder / "shared" / script).write_text("exit 0\n")
    environment = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", project / ".ci" / "run"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "laboratory", "left_out"),
    [
        (False, True, []),
        (True, True, []),
        (True, False, ["container engine", "cluster"]),
        (False, False, ["container engine", "container stack", "cluster"]),
    ],
)
def test_stages_without_container_engine_or_cluster_are_left_out_visibly(
    tmp_path: Path, *, engine: bool, laboratory: bool, left_out: list[str]
) -> None:
    run = run_ci(tmp_path, engine=engine, laboratory=laboratory)

    assert run.returncode == 0, run.stdout + run.stderr
    assert re.findall(r"^ci: (.+): LEFT OUT: .+$", run.stdout, re.MULTILINE) == left_out
    last = run.stdout.splitlines()[-1]
    assert last.startswith("ci: all passed")
    assert last.endswith(f"left out: {'; '.join(left_out)}") == bool(left_out)


@pytest.mark.parametrize("caller", CALLERS)
def test_targets_that_are_called_exist(caller: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    called = re.findall(
        r"\bmake ([a-z][a-z-]*)$|target: (.+)$", (ROOT / caller).read_text(), re.MULTILINE
    )

    assert called
    assert {name for pair in called for name in pair if name} <= targets
