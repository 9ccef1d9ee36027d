"""Readings and examinations without starting Python anew for each: a process forked beforehand.

To start an interpreter and import onnxruntime takes longer than most examinations do. The fork
server is forked from the service once everything is imported, and before there are threads or
keys.

To read a file it forks a *reader*, which copies it into memory that the service made and both
share; a reader whose file system hangs is given up. For each examination it forks a *keeper*, and
that the *child* which looks into that memory; the keeper waits for the child as long as the limits
allow, and tells what became of it. Each of them ends with the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import selectors
import signal
import socket
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import msgspec

from inference.admission.admission import Limits, examine_aside, explain, read_aside, too_slow
from inference.admission.examiner import end_with_parent, step_back, tell
from inference.admission.files.contents import Contents, make_memory
from inference.admission.files.reader import check_answer, read_for
from inference.admission.report import decode_report
from inference.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference.admission.examiner import LoadTrial
    from inference.admission.report import Report

_LARGEST_JOB = 64 * 1024
_PIECE = 64 * 1024
# How much longer than it may take is waited for a process to tell so.
_GRACE_SECONDS = 5
# How long the fork server may take to begin a process; one that is stopped takes for ever.
BEGIN_SECONDS = 10.0
_PID_BYTES = 4
_DESCRIPTORS = 2  # a socket to answer on, and the memory

logger = logging.getLogger(__name__)


class _Job(msgspec.Struct, frozen=True, array_like=True):
    """What the fork server is to do; with it come a socket to answer on, and the memory.

    Attributes:
        limits: What it may take.
        path: The file to be read; without it the memory is to be examined.
    """

    limits: Limits
    path: bytes = b""


_decode_job = msgspec.msgpack.Decoder(_Job).decode


class ForkServer:
    """Reads and examines artifacts; to be made before there are threads or keys.

    Args:
        load_trial: What asks each artifact as routes do.
    """

    def __init__(self, load_trial: LoadTrial | None = None) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)  # one that hangs must not hang the loop
        self._is_lost = False
        with theirs:
            self.pid = _fork(lambda: _attend(theirs, load_trial))

    async def read(self, path: Path, limits: Limits) -> Contents:
        """Read an artifact, whatever stands there and however long its file system takes.

        Raises:
            ArtifactError: It is too large.
            ChangedError: It changed meanwhile, or is no regular file.
            OSError: It cannot be read.
            TimeoutError: It was not read in time.
        """
        memory = make_memory()
        try:
            told = await self._ask(_Job(limits, os.fsencode(path)), memory)
            if told is not None:
                return Contents(memory, check_answer(told, memory))
        except BaseException:
            os.close(memory)
            raise
        os.close(memory)
        return await read_aside(path, limits)

    async def examine(self, contents: Contents, limits: Limits) -> Report:
        """Do what :func:`inference.admission.admission.examine_aside` does, and sooner."""
        try:
            told = await self._ask(_Job(limits), contents.descriptor)
        except TimeoutError:
            return too_slow(limits)
        if told:
            with contextlib.suppress(msgspec.DecodeError):
                return decode_report(told)
        return await examine_aside(contents, limits)

    def close(self) -> None:
        """End it, and whatever it has begun; even one that is stopped."""
        self._control.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    async def _ask(self, job: _Job, memory: int) -> bytes | None:
        """Give a job, and wait for the answer; ``None`` where no process could be begun for it.

        Raises:
            TimeoutError: It was begun, and not done in time.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                spelt = msgspec.msgpack.encode(job)
                socket.send_fds(self._control, [spelt], [theirs.fileno(), memory])
        except OSError as error:
            ours.close()
            self._give_up(f"has ended ({error.strerror})")
            return None
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            pid = await self._begun(reader)
            if pid is None:
                return None
            try:
                async with asyncio.timeout(job.limits.seconds + _GRACE_SECONDS):
                    return await reader.read()
            except TimeoutError:
                # It hangs, so it is there still; its end of the socket says so.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                raise
        finally:
            writer.close()  # which ends what is still under way

    async def _begun(self, reader: asyncio.StreamReader) -> int | None:
        """Wait for the process that a job was given to, and give its id."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                return int.from_bytes(await reader.readexactly(_PID_BYTES), "little")
        except asyncio.IncompleteReadError:
            logger.warning(
                "the fork server has begun no process for a file (a limit on processes or memory?)",
                extra=fields("fork-failed"),
            )
        except TimeoutError:
            self._give_up(f"has begun nothing for {BEGIN_SECONDS:g} s")
        return None

    def _give_up(self, why: str) -> None:
        """Do without the fork server from now on."""
        if self._is_lost:
            return
        self._is_lost = True
        self._control.close()
        os.kill(self.pid, signal.SIGKILL)  # a zombie at most, so the id is nobody else's
        logger.error(
            "the fork server %s: files are examined in fresh processes from now on, which takes "
            "some seconds longer",
            why,
            extra=fields("fork-server-lost", reason=why),
        )


def _attend(control: socket.socket, load_trial: LoadTrial | None) -> None:
    """Be the fork server: begin one job after the other until nobody asks any more."""
    step_back()  # to fork takes milliseconds, too
    control.setblocking(True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for readers and keepers
    _close_all_but(control.fileno())
    while True:
        spelt, descriptors, _, _ = socket.recv_fds(control, _LARGEST_JOB, _DESCRIPTORS)
        if not spelt:
            return
        if len(descriptors) < _DESCRIPTORS:  # there was no room for them here
            for number in descriptors:
                os.close(number)
            continue
        job, memory = _decode_job(spelt), descriptors[1]
        be = _read if job.path else partial(_keep, load_trial)
        # Where no process can be had, whoever asked sees the socket closed without a word.
        with socket.socket(fileno=descriptors[0]) as asker, contextlib.suppress(OSError):
            _fork(lambda: _begin(be, asker, memory, job))  # noqa: B023 - it is called at once
        os.close(memory)


def _begin(
    be: Callable[[socket.socket, int, _Job], None], asker: socket.socket, memory: int, job: _Job
) -> None:
    """Be the process for one job, which says who it is first."""
    try:
        asker.sendall(os.getpid().to_bytes(_PID_BYTES, "little"))
    except OSError:
        return  # nobody wants to know any more
    be(asker, memory, job)


def _read(asker: socket.socket, memory: int, job: _Job) -> None:
    """Be a reader."""
    limits = job.limits
    read_for(asker, memory, job.path, most_bytes=limits.file_bytes, seconds=limits.seconds)


def _keep(load_trial: LoadTrial | None, asker: socket.socket, memory: int, job: _Job) -> None:
    """Be a keeper: wait for the child, end it when its time is over, tell what became of it."""
    limits = job.limits
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stdout, stderr = os.pipe(), os.pipe()
    child = _fork(lambda: _examine((stdout[1], stderr[1]), memory, limits, load_trial))
    for number in (stdout[1], stderr[1], memory):
        os.close(number)
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


def _examine(
    told: tuple[int, int], memory: int, limits: Limits, load_trial: LoadTrial | None
) -> None:
    """Be the child: only the memory is open, and what is told to."""
    os.dup2(told[0], 1)
    os.dup2(told[1], 2)
    _close_all_but(memory)
    tell(memory, limits.memory_bytes, limits.seconds, load_trial)


def _close_all_but(kept: int) -> None:
    """Close everything but standard output, standard error and one more."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    highest = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, max(3, kept))
    os.closerange(max(3, kept + 1), highest)


def _fork(be: Callable[[], None]) -> int:
    """Fork, and be somebody else in the new process, to its end or to that of the old one.

    Returns:
        The new process's id, in the old one.

    Raises:
        OSError: There is no process to be had.
    """
    parent = os.getpid()
    pid = os.fork()
    return pid or _end(be, parent)


def _end(be: Callable[[], None], parent: int) -> NoReturn:
    status = 1
    try:
        end_with_parent()
        if os.getppid() == parent:  # else it has ended before it was watched
            be()
        status = 0
    except OSError as error:  # the machine's fault: no process, descriptor or memory to be had
        os.write(2, f"an examination's process has ended: {error}\n".encode())
    except BaseException:  # noqa: BLE001 - nothing above may run a second time in this process
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)
