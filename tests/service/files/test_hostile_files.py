"""Whatever stands in the models folder, or comes and goes there, other models are answered."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from inference.model.contract_codec import METADATA_KEY
from support.amount import amount
from support.models.artifacts import graph, message, model, node, penguins, value
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.slow

# What a good client may wait beside a load that this machine may have, too; it was for ever.
_LONGEST_SECONDS = 20.0
_MOST_BYTES = 600 * 1024 * 1024
FIELDS = amount("HOSTILE_FIELDS", 100_000)
_GRAPH = graph([node("Identity", ["X"], ["Y"])], [value("X", 1, "n")], [value("Y", 1, "n")])


def _nested() -> bytes:
    inner = graph([], [], [])
    for _ in range(2000):
        inner = graph([message((4, "If"), (5, message((1, "a"), (6, inner))))], [], [])
    return model(inner)


CRAFTED = {
    "nested": _nested(),
    "tiny-fields": model(_GRAPH) + message((14, message((1, "k")))) * FIELDS,
    "tiny-nodes": model(_GRAPH) + message((7, message((1, b"")) * FIELDS)),
    "varints": model(_GRAPH) + (b"\x80" * 9 + b"\x01") * FIELDS,
    "long-contract": model(_GRAPH, {METADATA_KEY: "[" * 20_000_000}),
}


def _make_sparse(place: Path) -> None:
    """Make a model of 4 GiB that takes no place on disk: almost all of it is a description."""
    size, content = 4 << 30, model(_GRAPH)
    content += message((6, b"")).replace(b"\0", b"")  # the key of doc_string
    length = size - len(content) - 5
    content += bytes([(length >> 7 * n) & 127 | (n < 4) << 7 for n in range(5)])
    with place.with_suffix(".tmp").open("wb") as file:
        file.write(content)
        file.truncate(size)
    place.with_suffix(".tmp").replace(place)


class Client:
    """Asks a good model without a pause, and notes the longest wait."""

    def __init__(self, service: Service) -> None:
        self.longest_seconds = 0.0
        self.answers = 0
        self._url = str(service.client.base_url.join("/models/good/predict"))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not self._stop.is_set():
                begun = time.perf_counter()
                answer = client.post(self._url, json=[39.1, 18.7, 181.0, 3750.0])
                waited = time.perf_counter() - begun
                self.longest_seconds = max(self.longest_seconds, waited)
                self.answers += answer.status_code == 200

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def _flip(folder: Path, stop: threading.Event) -> None:
    """Have names stand for a file and for what is none, by turns."""
    good = folder.parent / "good.onnx"
    good.write_bytes(penguins(seed=5))
    for name, other in (("zero", "/dev/zero"), ("tty", "/dev/tty"), ("pipe", "pipe")):
        (folder / f"flip-{name}" / "1").mkdir(parents=True)
        if other == "pipe":
            os.mkfifo(folder.parent / "pipe")
    while not stop.is_set():
        for name, other in (("zero", "/dev/zero"), ("tty", "/dev/tty"), ("pipe", "pipe")):
            place = folder / f"flip-{name}" / "1"
            for target in (folder.parent / other, good):
                (place / ".next").symlink_to(target)
                (place / ".next").replace(place / "model.onnx")


def _memory_bytes(pid: int) -> int:
    """Give the most memory that a process ever had, or one of those below it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has ended meanwhile
    own = re.search(r"VmHWM:\s*(\d+) kB", status)
    return max(int(own[1]) * 1024 if own else 0, *map(_memory_bytes, map(int, below)), 0)


def is_decided(service: Service, name: str) -> bool:
    return service.model(name).get("state") in ("quarantined", "ready")


def test_hostile_files_stop_nobody_else(make_service: Callable[..., Service]) -> None:
    service = make_service(admission_timeout_seconds=10, max_model_bytes=64 * 1024 * 1024)
    service.put("good/1/model.onnx", penguins())
    service.start()
    client, stop = Client(service), threading.Event()
    flipping = threading.Thread(target=_flip, args=(service.models, stop))
    flipping.start()
    try:
        for name, content in CRAFTED.items():
            service.put(f"{name}.onnx", content)
        _make_sparse(service.models / "sparse.onnx")
        (service.models / "self.onnx").symlink_to("/proc/self/environ")
        os.mkfifo(service.models / "fifo.onnx")
        shown = service.wait_for("sparse", state="quarantined", within=60)
        assert "4,294,967,296 bytes, and at most 67,108,864" in shown["reason"]
        for name in CRAFTED:
            eventually(lambda name=name: is_decided(service, name), within=60, what=name)
        service.put("late/1/model.onnx", penguins(seed=2))
        service.wait_for("late", state="ready", within=60)
        assert service.process is not None
        assert _memory_bytes(service.process.pid) < _MOST_BYTES
    finally:
        stop.set()
        flipping.join()
        client.stop()
    assert client.answers > 50
    assert client.longest_seconds < _LONGEST_SECONDS
    assert "Traceback" not in service.log
    assert service.stop(signal.SIGTERM) == 0
