"""System calls fail, each once in turn, while the service starts, admits, swaps, chooses, and ends.

No process is lost, no answer is wrong, nothing is forgotten, and the log says what happened. What
is possible is tried: a disk that is full or broken, no more processes, memory or descriptors.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from support.amount import amount
from support.models.artifacts import penguins
from support.service.failing_calls import FAULTS, Failing, Fault, strace_command
from support.service.process import Service, descendants, eventually
from support.service.raw_http import request
from support.service.workers import GOOD, HOT, connect

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

# FAILING_CALLS rows of the table, each for FAILING_TIMES times at which the call fails.
_ROWS = FAULTS[: amount("FAILING_CALLS", 1)]
_TIMES = range(1, 1 + amount("FAILING_TIMES", 1))


class Asking(threading.Thread):
    """Asks one model all the time, on a new connection each time."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service, self.done = service, threading.Event()
        self.wrong: list[str] = []
        self.not_accepted = self.good = 0

    def run(self) -> None:
        while not self.done.is_set():
            try:
                with connect(self.service) as raw:
                    answer = raw.ask(request(HOT, GOOD))
            except (OSError, AssertionError) as error:
                # Reset, or closed without a word: the connection is new, so nothing had been begun.
                if isinstance(error, ConnectionError) or error.args == (b"",):
                    self.not_accepted += 1
                else:
                    self.wrong.append(repr(error))
                continue
            if answer.status == 200 and answer.json()["model"] == "m":
                self.good += 1
            else:
                self.wrong.append(f"{answer.status} {answer.body!r}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("nth", _TIMES)
@pytest.mark.parametrize("fault", _ROWS, ids=str)
def test_a_call_that_fails_costs_nothing_but_time(
    make_service: Callable[..., Service], tmp_path: Path, fault: Fault, nth: int
) -> None:
    strace_command()
    service = make_service(rescan_seconds=0.5)
    service.put("m/1/model.onnx", penguins(note="version 1"))
    service.start()
    state = tmp_path / "state"
    chosen = service.client.post("/select-model/?model=m")
    assert chosen.status_code == 200
    assert service.process is not None
    everyone = [service.process.pid, *descendants(service.process.pid)]
    models = [service.models / f"{name}/{version}/model.onnx" for name, version in _PUT]
    written = [state / f".state-{pid}.tmp" for pid in everyone]
    paths = [*models, *(m.parent for m in models), state, state / "state.json", *written]
    asking = Asking(service)
    asking.start()
    try:
        with Failing(fault, nth, everyone, paths, tmp_path / "calls") as failing:
            service.put("b/1/model.onnx", penguins(seed=1))
            service.put("m/2/model.onnx", penguins(note="version 2"))
            eventually(lambda: failing.calls or _is_ready(service), within=60)
            if fault.of_files:
                _pin(service)
            eventually(lambda: failing.calls, what="such a call")
        _pin(service)
        eventually(lambda: _is_ready(service), within=100)
        asked = asking.good
        eventually(lambda: asking.good > asked)
    finally:
        asking.done.set()
        asking.join()
    survivors = set(everyone) & {service.process.pid, *descendants(service.process.pid)}
    if "mmap" in fault.calls and survivors != set(everyone):
        # Python waits for ever for a thread that has no memory to begin with.
        assert "has not responded for" in service.log
    else:
        assert asking.wrong == []
        if str(fault) != "accept4-EMFILE":
            accepts = len(failing.calls) if "accept" in str(fault) else 0
            assert asking.not_accepted <= accepts
        # Without a descriptor libuv closes what waits until nothing does, and this client comes
        # again at once. The service's own limit on connections stands before that one.
        assert survivors == set(everyone), "all of them live"
    assert service.model("m")["pinned_version"] == 1
    assert service.client.put("/models/m/active", json={"version": "latest"}).status_code == 200
    service.wait_for("m", within=100, active_version=2)
    with Failing(fault, nth, everyone, paths, tmp_path / "last calls"):
        assert service.stop(within=60) == 0
    assert "Traceback" not in service.log


_PUT = (("m", 1), ("m", 2), ("b", 1))


def _is_ready(service: Service) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return bool(service.model("b").get("state") == "ready")
    return False


def _pin(service: Service) -> None:
    """A choice is refused with a reason, and then nothing has changed; or it holds."""

    def pinned() -> bool:
        try:
            answer = service.client.put("/models/m/active", json={"version": 1})
            shown = service.model("m")["pinned_version"]
        except httpx.TransportError:  # a worker was replaced, or a connection not accepted
            return False
        if answer.status_code == 200:
            assert shown == 1
            return True
        assert (answer.status_code, shown) == (503, None), answer.text
        assert "the state cannot be written" in answer.text
        eventually(lambda: "the state cannot be written" in service.log, what="the log says so")
        return False

    eventually(pinned, within=60)


_AT_START = (1, 30, 300, 1000, 3, 10, 100, 600)[: amount("FAILING_TIMES", 1)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("nth", _AT_START)
@pytest.mark.parametrize("fault", FAULTS[: amount("FAILING_CALLS", 1)], ids=str)
def test_a_call_that_fails_at_the_start_stops_it_or_not_and_nothing_between(
    make_service: Callable[..., Service], tmp_path: Path, fault: Fault, nth: int
) -> None:
    """Here the interpreter's own calls fail, too: it says so and ends, or it serves as ever."""
    names = ",".join(f"?{name}" for name in fault.calls)
    service = make_service(rescan_seconds=0.5)
    service.under = [
        *(*strace_command(), "-D", "--seccomp-bpf", "-o", str(tmp_path / "calls")),
        *("-e", f"trace={names}", "-e", f"inject={names}:error={fault.error}:when={nth}"),
    ]
    service.put("m/1/model.onnx", penguins())
    process = service.run()
    eventually(lambda: process.poll() is not None or _answers(service), within=90)
    if process.poll() is None:
        assert service.stop(within=60) == 0
    else:
        assert process.returncode != 0
        # The very first calls are those of the loader, which has no words for some of them.
        assert service.log.strip() or nth == 1, "it says why"
    eventually(lambda: not _left_over(tmp_path), what="all its processes have ended")


def _answers(service: Service) -> bool:
    """Ask its model, once it has said where it is."""
    found = re.search(r"(http://127\.0\.0\.1:\d+)/docs", service.log)
    if found is None:
        return False
    service.client = httpx.Client(base_url=found[1], timeout=30, trust_env=False)
    with contextlib.suppress(OSError, AssertionError), connect(service) as raw:
        return raw.ask(request(HOT, GOOD)).status == 200
    return False


def _left_over(root: Path) -> list[str]:
    """List the processes that were begun in a folder, and have not ended."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == root and (process / "cmdline").read_bytes():
                found.append(process.name)
    return found


def test_a_supervisor_that_cannot_fork_tries_again(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service(workers=2)
    service.put("m/1/model.onnx", penguins())
    service.start()
    assert service.process is not None
    victim, other = service.worker_pids
    fork = next(fault for fault in FAULTS if "fork" in fault.calls)
    with Failing(fork, 1, [service.process.pid], [], tmp_path / "calls") as failing:
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: "next attempt in 1 s" in service.log, what="it says so")
        eventually(lambda: len(service.worker_pids) == 2, what="a successor")
    assert failing.calls
    assert other in service.worker_pids
    assert "worker 0 cannot be started: Resource temporarily unavailable" in service.log
    assert service.stop() == 0
