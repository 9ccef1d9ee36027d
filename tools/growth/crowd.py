"""One service with many small models: memory, time to load, and what it costs when idle."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.service.process import Service, descendants, eventually

if TYPE_CHECKING:
    from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_SECONDS = 20.0
_LOAD_SECONDS = 1800.0


@dataclass(frozen=True)
class Crowd:
    """What was measured with so many models.

    Attributes:
        models: How many.
        artifact_bytes: Size of each.
        load_seconds: From the start until all answer, the files examined before.
        megabytes: Proportional share of memory of all processes of the service.
        idle_share: Share of a core that an idle service uses.
    """

    models: int
    artifact_bytes: int
    load_seconds: float
    megabytes: float
    idle_share: float


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
            memory, idle = _memory(processes), _idle(service, processes)
            service.stop(within=60)
    finally:
        shutil.rmtree(root)
    return Crowd(models, len(artifact), seconds, memory, idle)


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
