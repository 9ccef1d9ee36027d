"""Scenarios in which the slowest answers count: beside a costly model, and during republishing."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import onnx

from benchmark.names import FOREST, LOGISTIC, SCAN
from benchmark.server import service
from benchmark.stage import warm_up
from exporter.delivery.staging import Stage as Placement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmark.figures import Figures
    from benchmark.server import Server
    from benchmark.stage import Measure, Stage
    from benchmark.wrk import Request

# A p99 needs more answers than a median does.
TIMES = 2
_SETTLE_SECONDS = 0.5
_LIVE_SECONDS = 30
_PAUSE = threading.Event()  # never set


@contextlib.contextmanager
def beside(stage: Stage) -> Iterator[dict[str, Measure]]:
    """A cheap model alone, and while the same worker is full of work for a costly one."""
    material = stage.material
    cheap = material.one(LOGISTIC)
    costly = {
        "forest-1000-rows": (FOREST, material.many(FOREST, 1000), 4),
        "neighbors": (SCAN, material.one(SCAN), 64),
    }
    asked = [cheap, *(request for _, request, _ in costly.values())]
    folder = stage.new_folder("beside")
    with contextlib.ExitStack() as stack:
        measures: dict[str, Measure] = {}
        for place, cores, counts in _places(stage):
            server = stack.enter_context(
                stage.ours(folder, *asked, models=material.crowd, cores=cores)
            )
            for connections in counts:
                alone = stage.load(server, cheap, connections, times=TIMES)
                name = f"beside/{place}/{connections}"
                measures[f"{name}/alone"] = alone
                for other, (model, request, others) in costly.items():
                    counted = _count(server, model, alone)
                    measures[f"{name}/{other}"] = partial(
                        _meanwhile, stage, server, request, others, counted
                    )
        yield measures


@contextlib.contextmanager
def republishing(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One model at rest, and while it is published again as soon as it is live."""
    one = stage.material.one(LOGISTIC)
    with contextlib.ExitStack() as stack:
        measures: dict[str, Measure] = {}
        for place, cores, counts in _places(stage):
            folder = stage.new_folder("republishing")
            models = folder / "models"
            shutil.copytree(stage.material.models, models)
            server = stack.enter_context(service(cores, folder, models))
            warm_up(server, [one])
            for connections in counts:
                rest = stage.load(server, one, connections, times=TIMES)
                name = f"republishing/{place}/{connections}"
                measures[f"{name}/at-rest"] = rest
                measures[f"{name}/republished"] = partial(_republish, server, models, one, rest)
        yield measures


def _places(stage: Stage) -> Iterator[tuple[str, Sequence[int], Sequence[int]]]:
    """Give where a server runs, and over how many connections it is asked there."""
    yield "one-core", [stage.core], (1, 16)
    yield "all-cores", stage.cores, (16,)


def _meanwhile(
    stage: Stage, server: Server, request: Request, connections: int, measure: Measure
) -> Figures:
    seconds = stage.seconds * TIMES + 5
    with stage.wrk.background(server.url, request, connections=connections, seconds=seconds):
        _PAUSE.wait(_SETTLE_SECONDS)
        return measure()


def _count(server: Server, model: str, measure: Measure) -> Measure:
    """Add how many answers of another model there were a second meanwhile."""

    def counted() -> Figures:
        before, begin = server.answered(model), time.perf_counter()
        figures = measure()
        after, seconds = server.answered(model), time.perf_counter() - begin
        return figures | {"beside_rate": (after - before) / seconds}

    return counted


def _republish(server: Server, models: Path, request: Request, measure: Measure) -> Figures:
    stop = threading.Event()
    lived: list[float] = []
    publisher = threading.Thread(target=_publish_until, args=(stop, server, models, request, lived))
    publisher.start()
    try:
        figures = measure()
    finally:
        stop.set()
        publisher.join()
    return figures | {"publications": len(lived), "live_seconds": sum(lived) / max(1, len(lived))}


def _publish_until(
    stop: threading.Event, server: Server, models: Path, request: Request, lived: list[float]
) -> None:
    """Publish new content again and again, each time once the last has become live.

    It shares a core with the load generator. There it runs only while the generator waits, so that
    no answer looks slow because the generator got the core late.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # this thread alone
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIVE_SECONDS)
    headers = {"Content-Type": "application/json"}
    newest = max(int(folder.name) for folder in (models / LOGISTIC).glob("[0-9]*"))
    model = onnx.load(models / LOGISTIC / str(newest) / "model.onnx")
    while not stop.is_set():
        # Something has to differ, since what was examined once is not examined again.
        model.doc_string = f"Published at {time.time_ns()}"
        begin = time.perf_counter()
        with Placement(models) as placement:
            placement.write(model.SerializeToString())
            version = placement.place(LOGISTIC)
        deadline = begin + _LIVE_SECONDS
        answered = 0
        while answered != version:
            if time.perf_counter() > deadline:
                raise RuntimeError(f"version {version} did not become live")
            _PAUSE.wait(0.02)
            client.request("POST", request.path, request.body, headers)
            answered = json.loads(client.getresponse().read())["version"]
        lived.append(time.perf_counter() - begin)
    client.close()
