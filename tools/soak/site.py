"""The service under test: its processes, its connections, its models."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from soak.tally import Death
from support.service.process import eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from support.service.process import Service
    from support.service.raw_http import Answer

WORKERS = 2
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Site:
    """A service of several workers.

    Attributes:
        service: The process.
    """

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def url(self) -> str:
        """Where it answers, once it has been started."""
        return str(self.service.client.base_url).rstrip("/")

    @property
    def port(self) -> int:
        """The port that it answers on."""
        return int(self.url.rpartition(":")[2])

    @property
    def supervisor(self) -> int:
        """The process that looks after the workers."""
        assert self.service.process is not None
        return self.service.process.pid

    def workers(self) -> list[int]:
        """Give the workers' ids, the eldest first."""
        return sorted(children(self.supervisor), key=_started)

    def answering(self) -> set[str]:
        """Tell which workers answer."""
        seen: set[str] = set()

        def all_seen() -> bool:
            with Raw(self.url) as raw:
                seen.add(answered_by(raw.ask(request("/healthz", method="GET"))))
            return len(seen) == WORKERS

        eventually(all_seen, what="every worker answers")
        return seen

    def everywhere(self, path: str, holds: Callable[[Any], object], *, within: float = 60) -> None:
        """Wait until every worker answers a GET such that something holds."""
        good: set[str] = set()

        def hold() -> bool:
            with contextlib.suppress(OSError, AssertionError), Raw(self.url) as raw:
                answer = raw.ask(request(path, method="GET"))
                if answer.status == 200 and holds(answer.json()):
                    good.add(answered_by(answer))
                else:
                    good.discard(answered_by(answer))
            return len(good) == WORKERS

        eventually(hold, within=within, what=f"{path} in every worker")


def answered_by(answer: Answer) -> str:
    """Tell the worker that answered from others: each makes ids with a beginning of its own."""
    return str(answer.headers["x-request-id"]).partition("-")[0]


def freeze(worker: int) -> Death:
    """Stop a process, so that what it has accepted is known for sure when it is killed."""
    os.kill(worker, signal.SIGSTOP)
    eventually(lambda: _state(worker) == "T", what="the worker has stopped")
    inodes = set()
    for link in Path(f"/proc/{worker}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = {int(row[2].rpartition(":")[2], 16) for row in rows if row[9] in inodes}
    return Death(time.monotonic(), frozenset(ports - {0}))


def children(process: int) -> list[int]:
    """Give a process's children."""
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{process}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return []


def descendants(process: int) -> list[int]:
    """Give a process's children, theirs, and so on."""
    return [pid for child in children(process) for pid in (child, *descendants(child))]


def share_bytes(process: int) -> int:
    """Give the memory that a process holds, a page that others share with it in equal parts."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def resident_bytes(process: int) -> int:
    """Give the memory that a process holds; 0 when it has ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    return 0


def descriptors(process: int) -> int:
    """Count what a process has open; 0 when it has ended."""
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{process}/fd").iterdir()))
    return 0


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def _started(process: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])
    return 0
