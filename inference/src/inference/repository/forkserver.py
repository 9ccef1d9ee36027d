"""Examinations without starting Python anew for each: a process that was forked beforehand.

To start an interpreter and import onnxruntime takes longer than most examinations do. The fork
server is forked from the service once everything is imported, and before there are threads or
keys. For each examination it forks a *keeper*, and that the *child* which looks into the
file; the keeper waits for the child as long as the limits allow, and tells what became of it. Each
of them ends with the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import socket
import time
import traceback
from typing import TYPE_CHECKING, NoReturn

import msgspec

from inference.repository.admission import Limits, examine_aside, explain, too_slow
from inference.repository.examiner import end_with_parent, step_back, tell
from inference.repository.report import decode_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference.repository.report import Report

_LARGEST_JOB = 64 * 1024
_PIECE = 64 * 1024
# How much longer than an examination may take is waited for the keeper to tell so.
_GRACE_SECONDS = 5


class ForkServer:
    """Examines artefacts; to be made before there are threads or keys."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.pid = _fork(lambda: _attend(theirs))

    async def examine(self, path: Path, limits: Limits) -> Report:
        """Do what :func:`inference.repository.admission.examine_aside` does, and sooner."""
        ours, theirs = socket.socketpair()
        job = b"%d %r %b" % (limits.memory_bytes, limits.seconds, os.fsencode(path))
        try:
            with theirs:
                socket.send_fds(self._control, [job], [theirs.fileno()])
        except OSError:  # it has ended
            ours.close()
            return await examine_aside(path, limits)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            async with asyncio.timeout(limits.seconds + _GRACE_SECONDS):
                told = await reader.read()
        except TimeoutError:
            return too_slow(limits)
        finally:
            writer.close()  # which ends the examination, if it is still under way
        with contextlib.suppress(msgspec.DecodeError):
            return decode_report(told)
        return await examine_aside(path, limits)

    def close(self) -> None:
        """End it."""
        self._control.close()
        os.waitpid(self.pid, 0)


def _attend(control: socket.socket) -> None:
    """Be the fork server: begin one examination after the other until nobody asks any more."""
    end_with_parent()
    step_back()  # to fork takes milliseconds, too
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    _close_all_but(control.fileno())
    while True:
        job, descriptors, _, _ = socket.recv_fds(control, _LARGEST_JOB, 1)
        if not job:
            return
        memory, seconds, path = job.split(b" ", 2)
        limits = Limits(float(seconds), int(memory))
        with socket.socket(fileno=descriptors[0]) as asker:
            _fork(lambda: _keep(asker, path, limits))  # noqa: B023 - it is called at once


def _keep(asker: socket.socket, path: bytes, limits: Limits) -> None:
    """Be a keeper: wait for the child, end it when its time is over, tell what became of it."""
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stdout, stderr = os.pipe(), os.pipe()
    child = _fork(lambda: _examine(stdout[1], stderr[1], path, limits))
    os.close(stdout[1])
    os.close(stderr[1])
    told = {stdout[0]: b"", stderr[0]: b""}
    in_time = _listen(told, asker, time.monotonic() + limits.seconds)
    os.kill(child, signal.SIGKILL)  # it has ended, or has to
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    report = (
        explain(status, told[stdout[0]], told[stderr[0]], limits) if in_time else too_slow(limits)
    )
    with contextlib.suppress(OSError):  # nobody wants to know any more
        asker.sendall(msgspec.json.encode(report))


def _listen(told: dict[int, bytes], asker: socket.socket, deadline: float) -> bool:
    """Read pipes to their ends.

    Args:
        told: What was read last, by pipe; added to.
        asker: Given up when this is closed.
        deadline: Or when this has passed.

    Returns:
        Whether it was not given up.
    """
    with selectors.DefaultSelector() as selector:
        for number in (asker.fileno(), *told):
            selector.register(number, selectors.EVENT_READ)
        while len(selector.get_map()) > 1:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready or any(key.fd == asker.fileno() for key, _ in ready):
                return False
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                told[key.fd] = (told[key.fd] + piece)[-_PIECE:]
                if not piece:
                    selector.unregister(key.fd)
    return True


def _examine(stdout: int, stderr: int, path: bytes, limits: Limits) -> None:
    """Be the child: only standard output and standard error are open."""
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    _close_all_but(2)
    tell(os.fsdecode(path), limits.memory_bytes, limits.seconds)


def _close_all_but(kept: int) -> None:
    """Close everything but standard output, standard error and one more."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    highest = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, max(3, kept))
    os.closerange(max(3, kept + 1), highest)


def _fork(be: Callable[[], None]) -> int:
    """Fork, and be somebody else in the new process, to its end.

    Returns:
        The new process's id, in the old one.
    """
    pid = os.fork()
    return pid or _end(be)


def _end(be: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        be()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing above may run a second time in this process
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)
