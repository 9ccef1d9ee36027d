"""Scenarios in which the rate of answers counts, or the time of one whole request.

A scenario starts its servers and gives its measurements by name; they run within its block.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.names import FOREST, LOGISTIC, NEIGHBORS, SCAN, WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmark.figures import Figures
    from benchmark.stage import Measure, Stage

UNBATCHED = json.dumps({"*": {"max_batch_rows": 1}})
WORKERS_CONNECTIONS = 64


@contextlib.contextmanager
def batch(stage: Stage) -> Iterator[dict[str, Measure]]:
    """1,000 records as JSON in one request, one request at a time, ours and the peers."""
    material, models = stage.material, (LOGISTIC, FOREST)
    asked = [material.many(model, 1000) for model in models]
    asked_peers = [material.peer_many(model, 1000) for model in models]
    with (
        stage.ours(stage.new_folder("batch"), *asked) as direct,
        stage.peer("fastapi_onnx", *asked_peers) as onnx,
        stage.peer("fastapi_joblib", *asked_peers) as pickled,
    ):
        measures: dict[str, Measure] = {}
        for model, one, peer_one in zip(models, asked, asked_peers, strict=True):
            measures[f"batch/{model}/direct"] = stage.load(direct, one, 1)
            measures[f"batch/{model}/fastapi_onnx"] = stage.load(onnx, peer_one, 1)
            measures[f"batch/{model}/fastapi_joblib"] = stage.load(pickled, peer_one, 1)
        yield measures


@contextlib.contextmanager
def thousand(stage: Stage) -> Iterator[dict[str, Measure]]:
    """1,000 rows in every form, one request at a time, against ``session.run`` alone."""
    material = stage.material
    folder = stage.new_folder("thousand")
    measures: dict[str, Measure] = {}
    with contextlib.ExitStack() as stack:
        forms = {
            (model, form): request
            for model in (FOREST, LOGISTIC)
            for form, request in {
                "binary": material.tensor(model, 1000, binary=True),
                "records": material.many(model, 1000),
                "rows": material.matrix(model, 1000),
                "v2-json": material.tensor(model, 1000, binary=False),
            }.items()
        }
        server = stack.enter_context(stage.ours(folder, *forms.values()))
        for model in (FOREST, LOGISTIC):
            feeds = folder / f"{model}.npz"
            np.savez(feeds, **material.feeds(model, 1000))
            measures[f"thousand/{model}/session.run"] = partial(_run_alone, stage, model, feeds)
        for (model, form), request in forms.items():
            measures[f"thousand/{model}/{form}"] = stage.load(server, request, 1)
        yield measures


@contextlib.contextmanager
def wide(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One row of 200 features, over 16 connections, ours and the peers."""
    material = stage.material
    one, peer_one = material.wide(), material.peer_wide()
    folder = stage.new_folder("wide")
    with (
        stage.ours(folder, one, models=material.wide_models) as direct,
        stage.peer("fastapi_onnx", peer_one) as onnx,
        stage.peer("fastapi_joblib", peer_one) as pickled,
    ):
        yield {
            f"{WIDE}/16/direct": stage.load(direct, one, 16),
            f"{WIDE}/16/fastapi_onnx": stage.load(onnx, peer_one, 16),
            f"{WIDE}/16/fastapi_joblib": stage.load(pickled, peer_one, 16),
        }


@contextlib.contextmanager
def batching(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One row of k-nearest-neighbors over 64 connections, with requests sharing runs and not."""
    requests = {model: stage.material.one(model) for model in (SCAN, NEIGHBORS)}
    folder, models = stage.new_folder("batching"), stage.material.crowd
    asked = requests.values()
    with (
        stage.ours(folder, *asked, models=models) as batched,
        stage.ours(folder, *asked, models=models, plans=UNBATCHED) as unbatched,
    ):
        measures: dict[str, Measure] = {}
        for model, request in requests.items():
            measures[f"batching/{model}/on"] = stage.load(batched, request, 64)
            measures[f"batching/{model}/off"] = stage.load(unbatched, request, 64)
        yield measures


@contextlib.contextmanager
def workers(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One and two workers on all cores, which they share with the generator."""
    requests = {model: stage.material.one(model) for model in (LOGISTIC, FOREST, NEIGHBORS)}
    folder = stage.new_folder("workers")
    with contextlib.ExitStack() as stack:
        measures: dict[str, Measure] = {}
        for count in (1, 2):
            server = stack.enter_context(
                stage.ours(folder, *requests.values(), cores=stage.cores, workers=count)
            )
            for model, request in requests.items():
                measures[f"workers/{model}/{count}"] = partial(
                    stage.wrk_everywhere.measure,
                    server.url,
                    request,
                    connections=WORKERS_CONNECTIONS,
                    seconds=stage.seconds,
                )
        yield measures


def _run_alone(stage: Stage, model: str, feeds: Path) -> Figures:
    script = Path(__file__).with_name("alone.py")
    done = subprocess.run(
        [
            *("taskset", "--cpu-list", str(stage.core), sys.executable, str(script)),
            *(str(stage.material.artifact(model)), str(feeds), str(stage.seconds)),
        ],
        capture_output=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout)
    return figures
