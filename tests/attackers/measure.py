"""What a good client sees while an attacker is at work."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attackers.attack import ATTACKS
from attackers.attacks import CROWDED
from attackers.run_attacks import HOSTILE
from inference.access.api_key import make_key
from support.models.artifacts import mixed, penguins
from support.project import TESTS
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

CROWD = 400
SHUTDOWN_SECONDS = 3
_KEY, _ENTRY = make_key("everything", ["predict", "admin"])


class Figures(NamedTuple):
    """What was seen.

    Attributes:
        quiet_p99_ms: 99th percentile of the good client alone.
        p99_ms: The same beside the attacker.
        longest_ms: Its longest wait.
        failures: What the good client got instead of predictions.
        peak_mib: Most memory that the serving process had resident.
        stop_seconds: How long the service took to end, under attack.
    """

    quiet_p99_ms: float
    p99_ms: float
    longest_ms: float
    failures: list[str]
    peak_mib: int
    stop_seconds: float


def measure(name: str, root: Path, seconds: float = 4, **settings: object) -> Figures:
    """Attack a service of its own.

    Args:
        name: One of the table.
        root: Folder for models, state and log.
        seconds: How long the attack lasts at least.
        **settings: Of the service, without the prefix.
    """
    with _started(root, crowded=name in CROWDED, **settings) as service:
        assert service.process is not None
        port = service.client.base_url.port
        assert port is not None
        quiet = _finish(_client(port), after=1.0)
        (worker,) = service.worker_pids
        _forget_peak(worker)
        good = _client(port)
        attacker = _run(
            "attack", name, port, _grpc_port(service), service.models, _KEY, seconds + 15
        )
        seen = _finish(good, after=seconds)
        peak = _peak_mib(worker)
        begin = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        try:
            service.process.wait(SHUTDOWN_SECONDS + 20)
        finally:
            attacker.kill()
            attacker.communicate()
        stopped = time.monotonic() - begin
    return Figures(
        quiet["p99_ms"], seen["p99_ms"], seen["longest_ms"], seen["failures"], peak, stopped
    )


@contextlib.contextmanager
def _started(root: Path, *, crowded: bool, **settings: object) -> Iterator[Service]:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / "keys").write_text(_ENTRY)
    service = Service(
        root,
        api_keys_file=root / "keys",
        grpc_port=0,
        shutdown_seconds=SHUTDOWN_SECONDS,
        rescan_seconds=1,
        **settings,
    )
    service.put("good/1/model.onnx", penguins())
    service.put("mixed/1/model.onnx", mixed())
    for name, make in HOSTILE.items():
        service.put(f"{name}/1/model.onnx", make())
    for number in range(CROWD if crowded else 0):
        service.put(f"model-{number:03d}/1/model.onnx", penguins(note=str(number)))
    with service:
        try:
            yield service.start(within=180)
        finally:
            service.client.close()


def _grpc_port(service: Service) -> int:
    found = eventually(
        lambda: re.search(r"gRPC running on \S+:(\d+)", service.log), what="gRPC's port"
    )
    return int(found[1])


def _client(port: int) -> subprocess.Popen[str]:
    return _run("client", "127.0.0.1", port, _KEY)


def _run(module: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"attackers.{module}", *map(str, arguments)],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _finish(client: subprocess.Popen[str], *, after: float) -> dict[str, Any]:
    with contextlib.suppress(subprocess.TimeoutExpired):
        client.wait(after)
    reported, _ = client.communicate()
    return json.loads(reported)


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_mib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0  # the worker was replaced
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found
    return int(found[1]) // 1024


__all__ = ["ATTACKS", "Figures", "measure"]
