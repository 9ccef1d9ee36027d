"""System calls fail, each once in turn, while the service starts, admits, swaps, chooses, and ends.

No process is lost, no answer is wrong, nothing is forgotten, and the log says what happened. What
is possible is tried: a disk that is full or broken, no more processes, memory or descriptors.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from amount import amount
from artefacts import penguins
from failing_calls import FAULTS, Failing, Fault, family, strace_command
from raw_http import request
from service_process import Service, eventually
from workers import GOOD, HOT, connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# FAILING_CALLS rows of the table, each for FAILING_TIMES times at which the call fails.
_ROWS = FAULTS[: amount("FAILING_CALLS", 3)]
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
            except ConnectionError:
                self.not_accepted += 1  # a new connection, so nothing had been begun
                continue
            except (OSError, AssertionError) as error:
                self.wrong.append(repr(error))
                continue
            if answer.status == 200 and answer.json()["model"] == "m":
                self.good += 1
            else:
                self.wrong.append(f"{answer.status} {answer.body!r}")


@pytest.mark.slow
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
    everyone = family(service.process.pid)
    models = [service.models / f"{name}/{version}/model.onnx" for name, version in _PUT]
    written = [state / f".state-{pid}.tmp" for pid in everyone]
    paths = [*models, *(m.parent for m in models), state, state / "state.json", *written]
    asking = Asking(service)
    asking.start()
    try:
        with Failing(fault, nth, everyone, paths, tmp_path / "calls") as failing:
            _admit_and_swap(service)
            _choose(service)
        eventually(lambda: asking.good > 5)
    finally:
        asking.done.set()
        asking.join()
    assert asking.wrong == []
    # Without a descriptor the loop can only close what it cannot accept (libuv does).
    assert asking.not_accepted <= (len(failing.calls) if "accept" in str(fault) else 0)
    assert set(everyone) <= set(family(service.process.pid)), "all of them live"
    assert service.model("m")["pinned_version"] == 1
    unpinned = service.client.put("/models/m/active", json={"version": "latest"})
    assert (unpinned.status_code, unpinned.json()["active_version"]) == (200, 2)
    with Failing(fault, nth, everyone, paths, tmp_path / "last calls"):
        assert service.stop(within=60) == 0
    assert "Traceback" not in service.log
    assert failing.calls, "there was none such call"


_PUT = (("m", 1), ("m", 2), ("b", 1))


def _admit_and_swap(service: Service) -> None:
    service.put("b/1/model.onnx", penguins(seed=1))
    service.put("m/2/model.onnx", penguins(note="version 2"))
    service.wait_for("b", within=90, state="ready")
    service.wait_for("m", within=90, active_version=2)


def _choose(service: Service) -> None:
    """A choice is refused with a reason, and then nothing has changed; or it holds."""

    def pinned() -> bool:
        answer = service.client.put("/models/m/active", json={"version": 1})
        shown = service.model("m")["pinned_version"]
        if answer.status_code == 200:
            assert shown == 1
            return True
        assert (answer.status_code, shown) == (503, None), answer.text
        assert "the state cannot be written" in answer.text
        assert "the state cannot be written" in service.log
        return False

    eventually(pinned, within=60)
