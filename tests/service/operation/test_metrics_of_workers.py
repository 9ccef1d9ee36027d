"""What all workers see of one folder is counted once, and not again by a successor."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import httpx
import pytest

from support.models.artifacts import penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

_SERIES = re.compile(
    r"^inference_(swaps|quarantines)_total\{model=\"(\w+)\"\} (\S+)$", re.MULTILINE
)
_LOADS = re.compile(
    r"^inference_load_duration_seconds_count\{model=\"good\"\} (\S+)$", re.MULTILINE
)


def read(service: Service) -> tuple[float, dict[tuple[str, str], float]]:
    """Return how often the good model was loaded, and what went live or was refused."""
    text = service.client.get("/metrics").text
    (loads,) = _LOADS.findall(text)
    return float(loads), {(what, model): float(n) for what, model, n in _SERIES.findall(text)}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_swap_and_a_refused_file_count_once(tmp_path: Path, workers: int) -> None:
    with Service(tmp_path, workers=workers, rescan_seconds=0.2) as service:
        service.put("good/1/model.onnx", penguins())
        service.put("bad/1/model.onnx", b"text")
        service.start()
        once = {("swaps", "good"): 1.0, ("quarantines", "bad"): 1.0}
        eventually(lambda: _is_read_as(service, workers, once))

        first = service.worker_pids[0]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: _is_read_as(service, workers + 1, once))

        service.put("good/2/model.onnx", penguins(note="second"))
        service.put("bad/2/model.onnx", b"other text")
        twice = dict.fromkeys(once, 2.0)
        eventually(lambda: _is_read_as(service, 2 * workers + 1, twice))


def _is_read_as(service: Service, loads: float, counts: dict[tuple[str, str], float]) -> bool:
    try:
        return read(service) == (loads, counts)
    except (httpx.HTTPError, ValueError):  # of the killed worker, and before the first load
        return False
