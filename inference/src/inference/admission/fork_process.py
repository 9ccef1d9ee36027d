"""The fork server's process, and those that it forks.

For each file it forks a *reader*, which copies the file into memory that the service shares. For
each examination it forks a *monitor*, and that forks the *examiner*, which parses that memory. The
monitor waits for the examiner as long as the limits allow, and sends the report. Each of them ends
with its parent.

An examiner gets only the time that no other process wants, so that it delays no request. On a
machine that is busy all the time this may be none. So the monitor ends an examiner that is starved,
and starts another with a low priority, which gets a tenth of the time.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec

from inference.admission.admission import Limits, explain, too_slow
from inference.admission.examiner import import_examination, write_report
from inference.admission.files.reader import read_for
from inference.admission.sandbox import end_with_parent, lower_priority, run_when_idle

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.admission.examiner import LoadTrial
    from inference.admission.report import Report

PID_BYTES = 4
_LARGEST_JOB_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
# The names of a million classes, which the report of a file without contract has.
_MOST_OUTPUT_BYTES = 16 * 1024 * 1024
_DESCRIPTORS = 2  # the socket for the answer, and the memory
_CHECK_SECONDS = 0.5
_SHARE_SECONDS = 2.0  # over which the share of the processor is computed
_LEAST_SHARE = 0.1  # what a process of low priority gets beside one that is busy all the time


class Job(msgspec.Struct, frozen=True, array_like=True):
    """A job for the fork server; with it come a socket for the answer, and the memory.

    Attributes:
        limits: Time and memory that it may take.
        path: The file to be read; if empty, the memory is to be examined.
    """

    limits: Limits
    path: bytes = b""


_decode_job = msgspec.msgpack.Decoder(Job).decode


def run_fork_server(control: socket.socket, load_trial: LoadTrial | None) -> None:
    """Run the fork server: start a process for each job until the service closes the socket.

    Args:
        control: Where jobs come from.
        load_trial: Imports the trial on every route.
    """
    lower_priority()  # a fork takes milliseconds, too
    control.setblocking(True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # readers and monitors need no wait()
    _close_all_but(control.fileno())
    while True:
        encoded, descriptors, _, _ = socket.recv_fds(control, _LARGEST_JOB_BYTES, _DESCRIPTORS)
        if not encoded:
            return
        if len(descriptors) < _DESCRIPTORS:  # this process has no room for them
            for number in descriptors:
                os.close(number)
            continue
        job, memory = _decode_job(encoded), descriptors[1]
        run = _read if job.path else partial(_monitor, load_trial)
        # If no process can be started, the service sees the socket closed without an answer.
        with socket.socket(fileno=descriptors[0]) as asker, contextlib.suppress(OSError):
            if not job.path:
                import_examination(load_trial)
            fork(lambda: _begin(run, asker, memory, job))  # noqa: B023 - it is called at once
        os.close(memory)


def _begin(
    run: Callable[[socket.socket, int, Job], None], asker: socket.socket, memory: int, job: Job
) -> None:
    """Send the id of this process, and run one job."""
    try:
        asker.sendall(os.getpid().to_bytes(PID_BYTES, "little"))
    except OSError:
        return  # the service no longer waits
    run(asker, memory, job)


def _read(asker: socket.socket, memory: int, job: Job) -> None:
    """Run a reader."""
    limits = job.limits
    read_for(asker, memory, job.path, most_bytes=limits.file_bytes, seconds=limits.seconds)


def _monitor(load_trial: LoadTrial | None, asker: socket.socket, memory: int, job: Job) -> None:
    """Supervise an examiner: wait for it, end it when its time is over, send the report."""
    limits = job.limits
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    deadline = time.monotonic() + limits.seconds
    try:
        report = _supervise(load_trial, asker, memory, limits, deadline=deadline, when_idle=True)
    except _StarvedError:
        report = _supervise(load_trial, asker, memory, limits, deadline=deadline, when_idle=False)
    with contextlib.suppress(OSError):  # the service no longer waits
        asker.sendall(msgspec.json.encode(report))


class _StarvedError(Exception):
    """The examiner has got hardly any time of the processor."""


class _Starvation:
    """Whether an examiner gets hardly any time of the processor.

    Args:
        pid: The examiner, which has just begun.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._since = time.monotonic()
        self._used = 0.0

    def check(self) -> None:
        """Compare the time that it has taken with the time that has passed.

        Raises:
            _StarvedError: It has got hardly any.
        """
        now, used = time.monotonic(), _cpu_seconds(self._pid)
        if used - self._used < _LEAST_SHARE * (now - self._since):
            raise _StarvedError
        if now - self._since >= _SHARE_SECONDS:
            self._since, self._used = now, used


def _ignore() -> None:
    pass


def _supervise(  # noqa: PLR0913 - all that an examination needs
    load_trial: LoadTrial | None,
    asker: socket.socket,
    memory: int,
    limits: Limits,
    *,
    deadline: float,
    when_idle: bool,
) -> Report:
    """Run an examiner until its end or the deadline.

    Args:
        load_trial: Imports the trial on every route.
        asker: The service's socket.
        memory: The artifact.
        limits: What the examiner may take.
        deadline: When it is ended, on the monotonic clock.
        when_idle: Whether it gets only the time that no other process wants.

    Raises:
        _StarvedError: It gets hardly any.
    """
    stdout, stderr = os.pipe(), os.pipe()
    child = fork(
        lambda: _examine(
            (stdout[1], stderr[1]), memory, limits, load_trial=load_trial, when_idle=when_idle
        )
    )
    for number in (stdout[1], stderr[1]):
        os.close(number)
    output = {stdout[0]: bytearray(), stderr[0]: bytearray()}

    check = _Starvation(child).check if when_idle else _ignore

    try:
        in_time = _listen(output, asker, deadline, check)
    finally:
        os.kill(child, signal.SIGKILL)  # it has ended, or has to
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for number in output:
            os.close(number)
    if not in_time:
        return too_slow(limits)
    return explain(status, bytes(output[stdout[0]]), bytes(output[stderr[0]]), limits)


def _cpu_seconds(pid: int) -> float:
    """Return how much processor time a process has taken."""
    times = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def _listen(
    output: dict[int, bytearray], asker: socket.socket, deadline: float, check: Callable[[], None]
) -> bool:
    """Read pipes to their ends.

    Args:
        output: What was read last, by pipe; added to.
        asker: The service's socket; reading stops when the service closes it.
        deadline: When reading stops, on the monotonic clock.
        check: Called every ``_CHECK_SECONDS`` meanwhile.

    Returns:
        Whether all pipes were read to their ends.
    """
    with selectors.DefaultSelector() as selector:
        for number in (asker.fileno(), *output):
            selector.register(number, selectors.EVENT_READ)
        next_check = time.monotonic() + _CHECK_SECONDS
        while len(selector.get_map()) > 1:
            until = min(deadline, next_check)
            ready = selector.select(max(0.0, until - time.monotonic()))
            if any(key.fd == asker.fileno() for key, _ in ready):
                return False
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE_BYTES)
                output[key.fd] += piece
                del output[key.fd][:-_MOST_OUTPUT_BYTES]
                if not piece:
                    selector.unregister(key.fd)
            if not ready:
                if until == deadline:
                    return False
                check()
                next_check += _CHECK_SECONDS
    return True


def _examine(
    output: tuple[int, int],
    memory: int,
    limits: Limits,
    *,
    load_trial: LoadTrial | None,
    when_idle: bool,
) -> None:
    """Run the examiner: only the memory and its output are open."""
    if when_idle:
        run_when_idle()
    os.dup2(output[0], 1)
    os.dup2(output[1], 2)
    _close_all_but(memory)
    write_report(memory, limits.memory_bytes, limits.seconds, load_trial)


def _close_all_but(kept: int) -> None:
    """Close everything but standard output, standard error and one more."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    highest = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, max(3, kept))
    os.closerange(max(3, kept + 1), highest)


def fork(run: Callable[[], None]) -> int:
    """Fork, and run a function in the new process, which ends with the old one.

    Returns:
        The new process's id, in the old one.

    Raises:
        OSError: No process can be started.
    """
    parent = os.getpid()
    pid = os.fork()
    return pid or _run(run, parent)


def _run(run: Callable[[], None], parent: int) -> NoReturn:
    status = 1
    try:
        end_with_parent()
        if os.getppid() == parent:  # otherwise it ended before end_with_parent()
            run()
        status = 0
    except OSError as error:  # the machine is short of processes, descriptors or memory
        os.write(2, f"an examination's process has ended: {error}\n".encode())
    except BaseException:  # noqa: BLE001 - nothing above may run a second time in this process
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)
