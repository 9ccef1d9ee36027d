"""One service with many small models: memory, times, size of documents, and the cost when idle."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from support.service.process import Service, descendants, eventually

if TYPE_CHECKING:
    from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_SECONDS = 20.0
_LOAD_SECONDS = 1800.0


_DOCUMENTS = ("/models", "/metrics", "/openapi.json")


class Document(NamedTuple):
    """One answer of the service; ``seconds`` are those of the first request for it."""

    megabytes: float
    seconds: float


@dataclass(frozen=True)
class Crowd:
    """What was measured with so many models.

    Attributes:
        models: How many.
        artifact_bytes: Size of each.
        load_seconds: From the start until all answer, the files examined before.
        megabytes: Proportional share of memory of all processes of the service.
        worker_megabytes: That of its one worker.
        live_seconds: From a new version's file until it answers, its examination included.
        idle_share: Share of a core that an idle service uses.
        documents: Those that list all models, by path.
    """

    models: int
    artifact_bytes: int
    load_seconds: float
    megabytes: float
    worker_megabytes: float
    live_seconds: float
    idle_share: float
    documents: dict[str, Document]


def measure(artifact: bytes, models: int, root: Path) -> Crowd:
    """Serve one small model under many names.

    Args:
        artifact: The ONNX file.
        models: How many names.
        root: Where the folders go; removed afterward.
    """
    service = Service(root)
    for number in range(models):
        place = service.models / f"model-{number:05}" / "1"
        place.mkdir(parents=True)
        (place / "model.onnx").write_bytes(artifact)
    try:
        with service:
            service.start(within=_LOAD_SECONDS)  # examines
            service.stop(within=60)
        with service:
            began = time.monotonic()
            service.start(within=_LOAD_SECONDS)
            eventually(lambda: _ready(service) == models, within=_LOAD_SECONDS, every=0.2)
            seconds = time.monotonic() - began
            assert service.process is not None
            processes = [service.process.pid, *descendants(service.process.pid)]
            (worker,) = service.worker_pids
            memory = _memory(processes), _memory([worker])
            documents = {path: _ask(service, path) for path in _DOCUMENTS}
            live = _replace(service, artifact)
            idle = _idle(service, processes)
            service.stop(within=60)
    finally:
        shutil.rmtree(root)
    return Crowd(models, len(artifact), seconds, *memory, live, idle, documents)


def _ask(service: Service, path: str) -> Document:
    began = time.monotonic()
    answer = service.client.get(path, timeout=_LOAD_SECONDS).raise_for_status()
    return Document(len(answer.content) / 1e6, time.monotonic() - began)


def _replace(service: Service, artifact: bytes) -> float:
    """Return how long it takes until a new version of the first model answers."""
    temporary = service.models / ".new"
    temporary.mkdir()
    (temporary / "model.onnx").write_bytes(artifact)
    temporary.rename(service.models / "model-00000" / "2")
    began = time.monotonic()

    def active() -> bool:
        model = service.client.get("/models/model-00000", timeout=60).json()
        return bool(model["active_version"] == 2)

    eventually(active, within=_LOAD_SECONDS, every=0.05)
    return time.monotonic() - began


def _ready(service: Service) -> int:
    entries = service.client.get("/models").json()["models"]
    return sum(entry["state"] == "ready" for entry in entries)


def _memory(processes: list[int]) -> float:
    """Return the proportional set size, which counts shared pages once."""
    kilobytes = 0
    for pid in processes:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123 - of the kernel
            kilobytes += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return kilobytes / 1024


def _idle(service: Service, processes: list[int]) -> float:
    assert service.process is not None
    before, began = _ticks(processes), time.monotonic()
    service.client.close()
    eventually(lambda: time.monotonic() - began >= _IDLE_SECONDS, within=2 * _IDLE_SECONDS, every=1)
    return (_ticks(processes) - before) / _TICKS / (time.monotonic() - began)


def _ticks(processes: list[int]) -> int:
    total = 0
    for pid in processes:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - of the kernel
            values = file.read().rpartition(")")[2].split()
        total += int(values[11]) + int(values[12])
    return total
