"""A service of several workers, asked so that each of them answers."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import Service, eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from support.service.raw_http import Answer

GOOD = json.dumps(dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))).encode()
HOT = "/models/m/predict"


def put_many(service: Service) -> Service:
    """Put three versions of ``m``, two of which will be kept loaded, and a model ``n``."""
    for version in (1, 2, 3):
        service.put(f"m/{version}/model.onnx", penguins(note=f"version {version}"))
    service.put("n/1/model.onnx", penguins(seed=1))
    return service


def filled(service: Service) -> Service:
    """Start a service with one model."""
    service.put("m/1/model.onnx", penguins())
    return service.start()


def connect(service: Service) -> Raw:
    return Raw(str(service.client.base_url))


def fresh(service: Service, path: str, body: bytes = GOOD) -> Answer:
    """Ask on a connection of its own, which any worker may get."""
    with connect(service) as raw:
        return raw.ask(request(path, body, "Connection: close"))


def everywhere(service: Service, path: str, count: int = 40) -> list[Answer]:
    """Ask from many connections at once, so that every worker is asked several times at a time."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: fresh(service, path), range(count)))


def pids(service: Service, count: int = 2) -> set[int]:
    """Give so many workers, by asking until each of them has answered."""
    seen: set[int] = set()

    def all_seen() -> bool:
        with connect(service) as raw:
            seen.add(worker_of(raw))
        return len(seen) == count

    eventually(all_seen, within=30, what="all workers have answered")
    return seen


def worker_of(raw: Raw) -> int:
    """Find which process is at the other end, from what the kernel knows of the connection."""
    assert raw.ask(request("/healthz", method="GET")).status == 200  # so it has been accepted
    ours, theirs = (f"{end[1]:04X}" for end in (raw.socket.getsockname(), raw.socket.getpeername()))
    (inode,) = (
        parts[9]
        for parts in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if parts[1].endswith(f":{theirs}") and parts[2].endswith(f":{ours}")
    )
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return int(descriptor.parts[2])
    raise AssertionError("the other end is no process of this machine")


class Client(threading.Thread):
    """Asks on one connection without pause, on a new one when it was closed."""

    def __init__(self, service: Service, done: threading.Event) -> None:
        super().__init__()
        self.service, self.done = service, done
        self.good = 0
        self.failed: list[str] = []
        self.refused = False

    def run(self) -> None:
        while not (self.done.is_set() or self.refused):
            try:
                raw = connect(self.service)
            except OSError:
                self.refused = True
                return
            with raw:
                self._ask_while_open(raw)

    def _ask_while_open(self, raw: Raw) -> None:
        first = True
        while not self.done.is_set():
            try:
                answer = raw.ask(request(HOT, GOOD))
            except (OSError, AssertionError) as error:
                if first and isinstance(error, ConnectionError):
                    self.refused = True  # no worker had accepted the connection yet
                else:
                    self.failed.append(repr(error))
                return
            first = False
            if answer.status != 200:
                self.failed.append(f"{answer.status} {answer.body!r}")
            self.good += 1
            if answer.headers["connection"] == "close":
                return


def load(service: Service, count: int) -> tuple[list[Client], threading.Event]:
    """Begin to ask from so many connections; they go on until the event is set."""
    done = threading.Event()
    clients = [Client(service, done) for _ in range(count)]
    for client in clients:
        client.start()
    eventually(lambda: all(client.good > 20 for client in clients), what="all have been answered")
    return clients, done


def is_alive(pid: int) -> bool:
    """Tell whether a process is there, and no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
