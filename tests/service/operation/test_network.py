"""The service, including onnxruntime, opens no connection, as strace shows."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.models.hostile_models import endless
from support.project import FIXTURES
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

# What is asked of the kernel through io_uring is no system call. uvloop would have a ring for other
# things, and does without where the kernel has none.
_WATCH = ["-e", "trace=%network,io_uring_setup", "-e", "inject=io_uring_setup:error=ENOSYS"]
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)")
_INTERNET = re.compile(
    r'sin6?_port=htons\((\d+)\)|inet_addr\("([^"]+)"\)|inet_pton\(\w+, "([^"]+)"'
)
_HARMLESS = {"AF_UNIX", "AF_NETLINK"}  # this machine's other processes, and its kernel


class Trace:
    """What strace has seen.

    Attributes:
        processes: Numbers of the processes and threads that made such calls.
        listening: Addresses that were bound.
        outward: Every call that names an address to send something to, other than local sockets.
        other: Sockets that are neither of the internet nor local.
    """

    def __init__(self, text: str) -> None:
        self.processes: set[str] = set()
        self.listening: set[str] = set()
        self.outward: list[str] = []
        self.other: list[str] = []
        for line in text.splitlines():
            call = _CALL.match(line)
            if call is None:
                continue
            process, name, arguments = call.groups()
            self.processes.add(process)
            self._note(name, arguments, line)

    def _note(self, name: str, arguments: str, line: str) -> None:
        addresses = [found[2] or found[3] for found in _INTERNET.finditer(arguments)]
        internet = "sa_family=AF_INET" in arguments
        if name == "bind" and internet:
            self.listening.update(filter(None, addresses))
        elif name in ("connect", "sendto", "sendmsg", "sendmmsg") and internet:
            self.outward.append(line)
        elif name == "socket":
            family = arguments.partition(",")[0]
            if family not in _HARMLESS | {"AF_INET", "AF_INET6"}:
                self.other.append(line)
        elif name == "io_uring_setup" and "ENOSYS" not in line:
            self.other.append(line)


def strace(output: Path) -> list[str]:
    """Give the command to run another under; skips where that is not possible.

    The tracer is nobody's parent (``-D``), so that signals go to what is traced.
    """
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed (Debian and Ubuntu: apt-get install strace)")
    tried = subprocess.run([found, "-o", "/dev/null", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may trace nothing here: {tried.stderr.decode()[:200]}")
    return [found, "-f", "-D", "-q", "-s", "0", *_WATCH, "-o", str(output)]


def test_the_service_connects_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts, examines good, foreign and endless files, answers on every family, and ends.

    onnxruntime's telemetry is left as the service itself sets it.
    """
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    output = tmp_path / "calls"
    with Service(tmp_path / "service", admission_timeout_seconds=10) as service:
        service.under = strace(output)
        service.put("m/1/model.onnx", penguins())
        service.put("foreign.onnx", (FIXTURES / "foreign.onnx").read_bytes())
        service.put("forest.onnx", (FIXTURES / "penguins-forest.onnx").read_bytes())
        service.put("endless.onnx", endless())
        service.start(within=100)
        for name in ("m", "foreign", "forest"):
            service.wait_for(name, state="ready", within=30)
        service.wait_for("endless", state="quarantined", within=30)
        client = service.client
        assert client.post("/select-model/?model=m").status_code == 200
        assert client.post("/predict/", json=[39.1, 18.7, 181.0, 3750.0]).status_code == 200
        raw = {"Inference-Header-Content-Length": "0"}
        assert client.post("/v2/models/m/infer", content=bytes(16), headers=raw).status_code == 200
        for path in ("/docs", "/metrics", "/models", "/v2/models/m/config"):
            assert client.get(path).status_code == 200
        assert service.stop(within=60) in (0, -15)
        assert service.process is not None
        end = re.compile(rf"^{service.process.pid} +\+\+\+ ", re.MULTILINE)
    eventually(lambda: end.search(output.read_text()), what="the end of the trace")
    trace = Trace(output.read_text())
    assert trace.listening == {"127.0.0.1"}, "the calls that there must be were not seen"
    assert len(trace.processes) > 1, "the examinations' processes were not seen"
    assert trace.outward == []
    assert trace.other == []


@pytest.mark.parametrize(
    "attempt",
    [
        "socket(AF_INET, SOCK_DGRAM).connect(('192.0.2.1', 9))",
        "socket(AF_INET, SOCK_DGRAM).connect(('127.0.0.53', 53))",
        "socket(AF_INET6, SOCK_DGRAM).connect_ex(('2001:db8::1', 9))",
        "socket(AF_INET, SOCK_DGRAM).sendto(b'', MSG_DONTWAIT, ('127.0.0.1', 9))",
    ],
)
def test_an_attempt_to_connect_would_be_seen(tmp_path: Path, attempt: str) -> None:
    """A child's too; a datagram's socket connects without sending anything."""
    output = tmp_path / "calls"
    program = f"import os\nfrom socket import *\nif os.fork(): os.wait()\nelse: {attempt}"
    command = [*strace(output), sys.executable, "-W", "ignore", "-c", program]
    subprocess.run(command, check=True, timeout=60)
    eventually(lambda: output.exists() and Trace(output.read_text()).outward)
    (seen,) = Trace(output.read_text()).outward
    assert ipaddress.ip_address(re.findall(r'"([0-9a-f.:]+)"', seen)[0])
