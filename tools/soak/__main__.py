"""Hold the load for ``SOAK_SECONDS``, injecting faults; write reports/soak.md and its picture.

Ends with 1 when something did not hold.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from benchmark.machine import describe_machine
from soak import watch
from soak.expected import Expected
from soak.faults import EXAMINATION_SECONDS, Faults
from soak.load import PACE, Load
from soak.monitor import Monitor
from soak.picture import draw
from soak.question import Questions
from soak.report import SETTLED, Fault, Run, judge, render
from soak.rounds import round_of
from soak.site import WORKERS, Site, descriptors
from soak.tally import Tally
from support.project import ROOT
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

REPORTS = ROOT / "reports"
SECONDS = 1800
_BETWEEN_SECONDS = 0.5
_AFTERWARDS_SECONDS = 3.0
_READINGS = 600
_CONNECTIONS = 8  # what a worker may have open, beyond before, when the last client has gone
_PAUSE = threading.Event()  # never set


def main() -> int:
    """Run, write the report, say whether all held."""
    seconds = float(os.environ.get("SOAK_SECONDS") or SECONDS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the service is ended, too
    REPORTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rookery-soak-") as folder:
        service = Service(
            Path(folder),
            workers=WORKERS,
            admission_timeout_seconds=EXAMINATION_SECONDS,
            max_connections=512,
            prediction_log=Path(folder) / watch.LOG_FOLDER,
            prediction_log_file_seconds=20,
        )
        with service:
            run = Soak(service, seconds).run()
            logged = watch.count_rows(Path(folder) / watch.LOG_FOLDER)
            service.stop(within=30)  # workers that are killed may still write into the folder
        kept = watch.count_rows(Path(folder) / watch.LOG_FOLDER)
        if kept != logged:
            run.troubles.append(f"of {logged} logged rows, {kept} are there after the stop")
    draw(run, REPORTS / "soak.png")
    page = REPORTS / "soak.md"
    page.write_text(render(run, picture="soak.png"))
    verdicts = judge(run)
    for verdict in verdicts:
        mark = "     " if verdict.holds else " NOT:"
        _say(f"{mark} {verdict.what}: {verdict.found} ({verdict.bound})")
    _say(f"the whole report: {page.relative_to(ROOT)}")
    return 0 if all(verdict.holds for verdict in verdicts) else 1


class Soak:
    """One run.

    Args:
        service: Not yet started.
        seconds: How long faults are injected.
    """

    def __init__(self, service: Service, seconds: float) -> None:
        self._service, self._seconds = service, seconds
        self._site, self._tally, expected = Site(service), Tally(), Expected()
        self._questions = Questions(expected)
        self._faults = Faults(self._site, expected, self._questions, self._tally)
        self._injected: list[Fault] = []

    def run(self) -> Run:
        """Hold the load under faults, restart the service under load, and look at what is left."""
        self._faults.fill()
        self._service.start(within=120)
        self._site.everywhere("/models", lambda document: len(document["models"]) == 5)
        assert self._service.client.post("/select-model/?model=steady").status_code == 200
        watch.begin(self._service)
        idle = {pid: descriptors(pid) for pid in self._site.workers()}
        begun = time.monotonic()
        with Monitor(self._site, max(0.5, self._seconds / _READINGS)) as monitor:
            with Load(self._site.url, self._tally, self._questions):
                self._inject(monitor.begun)
            left = self._left_open(max(idle.values()))
        with Load(self._site.url, self._tally, self._questions):
            self._do("restart", self._faults.restart, monitor.begun)
            _PAUSE.wait(_AFTERWARDS_SECONDS)
            unwatched = watch.find_troubles(self._service)
        unwatched += watch.find_unlogged(self._service)
        took = time.monotonic() - begun
        return Run(
            took,
            PACE,
            self._tally,
            self._injected,
            self._faults.recoveries,
            monitor.readings,
            describe_machine() | {"workers": str(WORKERS)},
            [*left, *unwatched, *self._logged()],
        )

    def _inject(self, begun: float) -> None:
        for kind, inject in itertools.cycle(round_of(self._faults)):
            elapsed = time.monotonic() - begun
            if elapsed >= self._seconds:
                return
            if self._faults.spare is None and elapsed >= SETTLED * self._seconds:
                self._faults.spare = self._site.workers()[0]
            self._do(kind, inject, begun)
            _PAUSE.wait(_BETWEEN_SECONDS)

    def _do(self, kind: str, inject: Callable[[], None], begun: float) -> None:
        at = time.monotonic()
        failure = ""
        try:
            inject()
        except (AssertionError, OSError, httpx.HTTPError, LookupError) as error:
            failure = repr(error)[:1000]
        took = time.monotonic() - at
        self._injected.append(Fault(kind, at - begun, took, failure))
        _say(f"[{at - begun:5.0f} s] {kind}: {failure or f'{took:.1f} s'}")

    def _left_open(self, idle: int) -> list[str]:
        """Say which connections the workers still hold although their clients have gone."""

        def is_idle() -> bool:
            return all(descriptors(w) <= idle + _CONNECTIONS for w in self._site.workers())

        try:
            eventually(is_idle, within=15)
        except AssertionError:
            found = {w: descriptors(w) for w in self._site.workers()}
            return [f"without clients the workers hold descriptors: {found}, before: {idle}"]
        return []

    def _logged(self) -> list[str]:
        log = self._faults.log + self._service.log
        (REPORTS / "soak.log").write_text(log)
        alarming = [line for line in log.splitlines() if "Traceback" in line or " ERROR" in line]
        wrong = [line for line in alarming if "the state cannot be written" not in line]
        return [f"in the log (reports/soak.log): {line}" for line in wrong[:10]]


def _say(text: str) -> None:
    sys.stderr.write(f"soak: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
