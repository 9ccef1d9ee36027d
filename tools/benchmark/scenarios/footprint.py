"""Scenarios in which time to start, memory and size count."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmark.names import LOGISTIC, PENGUINS
from benchmark.server import service
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmark.figures import Figures
    from benchmark.stage import Measure, Stage

# As compose.yml calls them by default; the base is the first line of images/inference/Dockerfile.
_IMAGE = "rookery-api"
_POLL_SECONDS = 0.002


@contextlib.contextmanager
def start(stage: Stage) -> Iterator[dict[str, Measure]]:
    """From the command to the answers of five models, and the memory that then is in use.

    Cold: nothing was ever examined. Warm: the state folder holds the reports of an earlier start.
    """
    warm = stage.new_folder("start")
    _start(stage, warm)
    yield {
        "start/cold": lambda: _start(stage, stage.new_folder("start")),
        "start/warm": partial(_start, stage, warm),
    }


@contextlib.contextmanager
def image(_: Stage) -> Iterator[dict[str, Measure]]:
    """Size of the service's image and of its base, where they have been built."""
    sizes = {"image/api": _IMAGE, "image/base": _base()}
    measures: dict[str, Measure] = {}
    for name, tag in sizes.items():
        megabytes = _megabytes(tag)
        if megabytes is not None:
            measures[name] = partial(dict, megabytes=megabytes)
    yield measures if len(measures) == len(sizes) else {}


def _start(stage: Stage, folder: Path) -> Figures:
    models = stage.material.models
    first, *others = [stage.material.one(model) for model in (LOGISTIC, *PENGUINS)]
    starting = service(stage.cores, folder, models)  # to make its client takes a while, too
    begin = time.perf_counter()
    with starting as server:
        server.wait_for_port(_POLL_SECONDS)
        server.wait_for(first, pause_seconds=_POLL_SECONDS)
        first_seconds = time.perf_counter() - begin
        server.wait_for(*others, pause_seconds=_POLL_SECONDS)
        all_seconds = time.perf_counter() - begin
        for request in others:
            for _ in range(20):
                server.ask(request)
        return {
            "first_seconds": first_seconds,
            "all_seconds": all_seconds,
            "resident_megabytes": server.megabytes("VmRSS"),
            "peak_megabytes": server.megabytes("VmHWM"),
        }


def _base() -> str:
    dockerfile = ROOT / "images" / "inference" / "Dockerfile"
    argument = next(
        line for line in dockerfile.read_text().splitlines() if line.startswith("ARG PYTHON_IMAGE=")
    )
    return argument.partition("=")[2]


def _megabytes(tag: str) -> float | None:
    docker = shutil.which("docker")
    if docker is None:
        return None
    done = subprocess.run(
        [docker, "image", "inspect", tag], capture_output=True, check=False, timeout=30
    )
    return None if done.returncode else float(json.loads(done.stdout)[0]["Size"]) / 1e6
