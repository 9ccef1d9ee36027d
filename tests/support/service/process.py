"""Run real service processes, each on a free port of 127.0.0.1 with folders of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

_START_SECONDS = 60
_PAUSE = threading.Event()  # never set: waits without the process-wide sleep that ruff forbids us


def eventually(
    holds: Callable[[], Any], *, within: float = 40, what: str = "", every: float = 0.02
) -> Any:
    """Ask until the answer is true, and give it; fail when it is not within so many seconds.

    Args:
        holds: The question.
        within: Seconds.
        what: The expected event, for the error message.
        every: Seconds between two questions; more where the question is itself a load.
    """
    deadline = time.monotonic() + within
    while True:
        is_last = time.monotonic() > deadline  # asked once more, if this process had to pause
        answer = holds()
        if answer:
            return answer
        assert not is_last, f"not within {within} s: {what or holds}"
        _PAUSE.wait(every)


class Service:
    """One ``inference serve``.

    Args:
        root: Holds ``models``, ``state`` and the log.
        settings: Without the prefix, such as ``max_rows=10``.

    Attributes:
        under: A command that runs it, and that leaves it this process's child.
    """

    def __init__(self, root: Path, **settings: object) -> None:
        self.root = root
        self.models = root / "models"
        self.models.mkdir(exist_ok=True, parents=True)
        self.settings: dict[str, object] = {
            "models_dir": self.models,
            "state_dir": root / "state",
            "port": 0,
        } | settings
        self.under: list[str] = []
        self.log_file = root / "service.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def start(self, *, within: float = _START_SECONDS) -> Service:
        """Start it, and wait until it is ready."""
        self.run()
        found = eventually(self._address, within=_START_SECONDS, what="the address in the log")
        self.client = httpx.Client(base_url=found, timeout=30, trust_env=False)
        eventually(self._is_ready, within=within, what="ready")
        return self

    def run(self) -> subprocess.Popen[bytes]:
        """Start it, and wait for nothing."""
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.under, sys.executable, "-m", "inference.cli", "serve"],
                env=environment(**self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
            )
        return self.process

    def stop(self, number: int = signal.SIGTERM, *, within: float = 15) -> int:
        """Send a signal, and give the exit status."""
        assert self.process is not None
        self.client.close()
        self.process.send_signal(number)
        try:
            return self.process.wait(within)
        finally:
            self.process.kill()
            self.process.wait()

    @property
    def worker_pids(self) -> list[int]:
        """The processes that serve now, in the order of their starts."""
        assert self.process is not None
        return children(self.process.pid)

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.log_file.read_text(errors="replace")

    def put(self, place: str, data: bytes) -> Path:
        """Place an artifact as ``publish()`` does: under a dot-name, then renamed."""
        target = self.models / place
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.tmp"
        temporary.write_bytes(data)
        return temporary.replace(target)

    def model(self, name: str) -> dict[str, Any]:
        """Describe one model; empty when there is none of that name."""
        answer = self.client.get(f"/models/{name}")
        return answer.json() if answer.status_code == 200 else {}

    def wait_for(self, name: str, *, within: float = 40, **expected: object) -> dict[str, Any]:
        """Wait until a model's description has these values."""
        last: dict[str, Any] = {}

        def holds() -> bool:
            last.clear()
            last.update(self.model(name))
            return bool(last) and all(last[k] == v for k, v in expected.items())

        with contextlib.suppress(AssertionError):
            eventually(holds, within=within)
        assert all(last.get(k) == v for k, v in expected.items()), f"{expected} expected of {last}"
        return dict(last)

    def _address(self) -> str | None:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended: {self.log}"
        found = re.search(r"(http://127\.0\.0\.1:\d+)(?:/\w+)?/docs", self.log)
        return found[1] if found else None

    def _is_ready(self) -> bool:
        return self.client.get("/readyz").status_code == 200


def children(pid: int) -> list[int]:
    """List the processes that a process has begun, and that have not ended."""
    try:
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except FileNotFoundError:
        return []


def descendants(pid: int) -> list[int]:
    """List what a process has begun, and what that has begun."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


def environment(**settings: object) -> dict[str, str]:
    """Give this process's environment with these settings of the service, and no others."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("INFERENCE_")}
    return kept | {f"INFERENCE_{k.upper()}": str(v) for k, v in settings.items()}
