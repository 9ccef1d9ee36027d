"""System calls of a running service that are made to fail, by strace."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import pytest

from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRACING_SECONDS = 60
_DETACHING_SECONDS = 10


class Fault(NamedTuple):
    """A kind of system call, and how it fails.

    Attributes:
        calls: Its names, as strace knows them; a name that this kernel has not is left out.
        error: What it fails with.
        of_files: Whether only calls on the service's own files fail. Others would be impossible
            (no pipe has EIO), and what uses them, such as the event loop, ends at once.
    """

    calls: tuple[str, ...]
    error: str
    of_files: bool = True

    def __str__(self) -> str:
        return f"{self.calls[0]}-{self.error}"


FAULTS = [
    Fault(("fsync", "fdatasync"), "EIO"),
    Fault(("clone", "clone3", "fork", "vfork"), "EAGAIN", of_files=False),
    Fault(("openat", "open"), "EMFILE"),
    Fault(("accept4", "accept"), "EMFILE", of_files=False),
    Fault(("newfstatat", "statx", "stat", "fstat"), "EIO"),
    Fault(("mmap",), "ENOMEM", of_files=False),
    Fault(("rename", "renameat", "renameat2"), "EIO"),
    Fault(("read", "pread64"), "EIO"),
    Fault(("write", "pwrite64", "writev"), "ENOSPC"),
    Fault(("accept4", "accept"), "ECONNABORTED", of_files=False),
    Fault(("openat", "open"), "EIO"),
    Fault(("openat", "open"), "ENOMEM"),
    Fault(("newfstatat", "statx", "stat", "fstat"), "ESTALE"),
    Fault(("rename", "renameat", "renameat2"), "ENOSPC"),
    Fault(("fsync", "fdatasync"), "ENOSPC"),
    Fault(("write", "pwrite64", "writev"), "EIO"),
    Fault(("accept4", "accept"), "ENOMEM", of_files=False),
]


def strace_command() -> list[str]:
    """Give strace's path; skips where it may trace nothing."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed (Debian and Ubuntu: apt-get install strace)")
    tried = subprocess.run([found, "-o", "/dev/null", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may trace nothing here: {tried.stderr.decode()[:200]}")
    return [found, "-f", "-q", "-s", "64"]


class Failing:
    """Makes calls of running processes fail, until the end of the block.

    In each thread the call fails once, at its Nth time.

    Args:
        fault: What fails.
        nth: When.
        pids: The processes; those that they begin fail, too.
        paths: The files that calls have to be about, where the fault is one of files.
        output: Where the calls are noted.
    """

    def __init__(
        self, fault: Fault, nth: int, pids: Sequence[int], paths: Sequence[Path], output: Path
    ) -> None:
        names = ",".join(f"?{name}" for name in fault.calls)
        self._command = [
            *strace_command(),
            *("-e", f"trace={names}", "-e", "signal=none", "-o", str(output)),
            *("-e", f"inject={names}:error={fault.error}:when={nth}"),
            *(part for path in paths if fault.of_files for part in ("-P", str(path))),
            *(part for pid in pids for part in ("-p", str(pid))),
        ]
        self._pids = pids
        self._output = output
        self._tracer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._tracer = tracer = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        eventually(
            lambda: all(map(_is_traced, self._pids)) or tracer.poll() is not None,
            within=_TRACING_SECONDS,
            what="strace has attached itself",
        )
        assert tracer.poll() is None, tracer.communicate()[1]
        return self

    def __exit__(self, *_: object) -> None:
        assert self._tracer is not None
        self._tracer.send_signal(signal.SIGINT)  # it lets them go
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._tracer.communicate(timeout=_DETACHING_SECONDS)
        self._tracer.kill()  # one that waits for a process which has ended
        self._tracer.communicate()

    @property
    def calls(self) -> list[str]:
        """The calls that were made to fail."""
        return [line for line in self._output.read_text().splitlines() if "(INJECTED)" in line]


def _is_traced(pid: int) -> bool:
    """Tell whether every thread of a process is traced; a process that has ended is."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return all("TracerPid:\t0\n" not in (t / "status").read_text() for t in threads)
    except (FileNotFoundError, ProcessLookupError):
        return True
