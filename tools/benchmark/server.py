"""Server processes, each pinned to cores and listening on a port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmark.wrk import Request

PEERS = Path(__file__).parent / "peers"
_START_SECONDS = 60
_PAUSE = threading.Event()  # never set


class Server:
    """One server, running within the ``with`` block.

    Args:
        command: What follows the interpreter; ``{port}`` stands for the port.
        cores: Where it runs.
        environment: Added to this process's.
        log: Where its output goes.
        program: What runs the command; this interpreter by default.
    """

    def __init__(
        self,
        command: Sequence[str],
        cores: Sequence[int],
        environment: Mapping[str, str],
        log: Path,
        *,
        program: Path | str = sys.executable,
    ) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # With bytecode, as in an image: without it, each start compiles our sources again.
        left_out = ("INFERENCE_", "PYTHONDONTWRITEBYTECODE")
        kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(left_out)}
        self._environment = (
            kept
            | {"ORT_DISABLE_TELEMETRY": "1", "INFERENCE_PORT": str(self.port)}
            | dict(environment)
        )
        self._command = [
            *("taskset", "--cpu-list", ",".join(map(str, cores)), str(program)),
            *(part.format(port=self.port) for part in command),
        ]
        self._log = log
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._log.parent,
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(15)
        finally:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The id of the process that serves: ours is a child of its supervisor.

        Other servers are the process that taskset has become.
        """
        assert self._process is not None
        first = self._process.pid
        here = Path(f"/proc/{first}/task/{first}/children")
        children = here.read_text().split() if "inference.cli" in self._command else []
        return int(children[0]) if children else first

    @property
    def cpu_seconds(self) -> float:
        """Processor time that the process has taken so far, in all its threads."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self, field: str) -> float:
        """Read a field of the process's status, such as ``VmRSS``."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1]) * 1024 / 1e6

    def put(self, path: str, document: object) -> None:
        """Change something; raises unless it is answered 200."""
        self._client.put(path, json=document).raise_for_status()

    def answered(self, model: str) -> float:
        """Count what our service has answered for a model."""
        text = self._client.get("/metrics").text
        line = rf'^inference_requests_total{{model="{re.escape(model)}",.*status="200".*}} (\S+)$'
        return sum(float(number) for number in re.findall(line, text, re.MULTILINE))

    def ask(self, request: Request) -> httpx.Response | None:
        """Ask once; ``None`` when it does not listen yet."""
        headers = {"Content-Type": "application/json"} | dict(request.headers)
        with contextlib.suppress(httpx.TransportError):
            return self._client.post(request.path, content=request.body, headers=headers)
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the server ended: {self._log.read_text(errors='replace')[-2000:]}")
        return None

    def wait_for_port(self, pause_seconds: float) -> None:
        """Wait until it listens, in a way that takes next to none of the processors' time."""
        until = time.perf_counter() + _START_SECONDS
        while time.perf_counter() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            _PAUSE.wait(pause_seconds)

    def wait_for(self, *requests: Request, pause_seconds: float = 0.02) -> float:
        """Wait until each request is answered 200.

        Returns:
            Seconds since this call.
        """
        begin = time.perf_counter()
        for request in requests:
            while (answer := self.ask(request)) is None or answer.status_code != 200:
                if time.perf_counter() - begin > _START_SECONDS:
                    raise RuntimeError(f"{request.path}: {answer.text if answer else 'no answer'}")
                _PAUSE.wait(pause_seconds)
        return time.perf_counter() - begin


def service(cores: Sequence[int], folder: Path, models: Path, **settings: object) -> Server:
    """Make our service; servers made with one folder share its state, and so their plans."""
    named = {f"INFERENCE_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {
        "INFERENCE_MODELS_DIR": str(models),
        "INFERENCE_STATE_DIR": str(folder / "state"),
        "INFERENCE_LOG_LEVEL": "warning",
    }
    command = ["-m", "inference.cli", "serve"]
    return Server(command, cores, environment | named, folder / "service.log")


def peer(name: str, cores: Sequence[int], folder: Path, models: Path) -> Server:
    """Make a peer, on the same uvicorn with the same parser and loop."""
    command = [
        *("-m", "uvicorn", "--app-dir", str(PEERS), f"{name}:app", "--port", "{port}"),
        *("--http", "httptools", "--loop", "uvloop", "--log-level", "warning"),
        *("--no-access-log", "--no-proxy-headers", "--no-server-header", "--lifespan", "off"),
    ]
    return Server(command, cores, {"PEER_MODELS": str(models)}, folder / f"{name}.log")


def mlserver(program: Path, cores: Sequence[int], folder: Path) -> Server:
    """Make MLServer; ``folder`` has its models, and its settings name the port of ours."""
    made = Server(["start", str(folder)], cores, {}, folder / "mlserver.log", program=program)
    ports = {"http_port": made.port, "grpc_port": _free_port(), "metrics_port": _free_port()}
    # Without a worker process, which makes each answer slower on one core.
    settings = {"host": "127.0.0.1", "debug": False, "parallel_workers": 0, **ports}
    (folder / "settings.json").write_text(json.dumps(settings))
    return made


def protocol(cores: Sequence[int], folder: Path) -> Server:
    """Make the protocol that parses nothing."""
    return Server([str(PEERS / "protocol.py"), "{port}"], cores, {}, folder / "protocol.log")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
