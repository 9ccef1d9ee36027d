"""Reads and examines artifacts in processes that are forked from one that has imported everything.

To start an interpreter and import onnxruntime takes longer than most examinations. The fork server
is forked from the service once everything is imported, and before there are threads or API keys.
:mod:`.fork_process` is what runs in it. A reader whose file system hangs is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from typing import TYPE_CHECKING

import msgspec

from inference.admission.admission import examine_aside, read_aside, too_slow
from inference.admission.files.contents import Contents, make_memory
from inference.admission.files.reader import check_answer
from inference.admission.fork_process import PID_BYTES, Job, fork, run_fork_server
from inference.admission.report import decode_report
from inference.logs import fields

if TYPE_CHECKING:
    from pathlib import Path

    from inference.admission.admission import Limits
    from inference.admission.examiner import LoadTrial
    from inference.admission.report import Report

# How much longer than its limit a process is waited for.
_GRACE_SECONDS = 5
# For the fork server to start a process; if it is stopped, it never does.
BEGIN_SECONDS = 10.0

logger = logging.getLogger(__name__)


class ForkServer:
    """Reads and examines artifacts; create it before there are threads or API keys in memory.

    Args:
        load_trial: Imports the trial of each artifact on every route.

    Attributes:
        pid: The id of its process.
    """

    def __init__(self, load_trial: LoadTrial | None = None) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)  # one that hangs must not hang the loop
        self._is_lost = False
        with theirs:
            self.pid = fork(lambda: run_fork_server(theirs, load_trial))

    async def read(self, path: Path, limits: Limits) -> Contents:
        """Read an artifact, whatever the path stands for, and even if its file system hangs.

        Raises:
            ArtifactError: It is too large.
            ChangedError: It changed meanwhile, or is no regular file.
            OSError: It cannot be read.
            TimeoutError: It was not read in time.
        """
        memory = make_memory()
        try:
            answer = await self._ask(Job(limits, os.fsencode(path)), memory)
            if answer is not None:
                return Contents(memory, check_answer(answer, memory))
        except BaseException:
            os.close(memory)
            raise
        os.close(memory)
        return await read_aside(path, limits)

    async def examine(self, contents: Contents, limits: Limits) -> Report:
        """Examine an artifact; faster than :func:`inference.admission.admission.examine_aside`."""
        try:
            answer = await self._ask(Job(limits), contents.descriptor)
        except TimeoutError:
            return too_slow(limits)
        if answer:
            with contextlib.suppress(msgspec.DecodeError):
                return decode_report(answer)
        return await examine_aside(contents, limits)

    def close(self) -> None:
        """End the fork server and all that it started, even if it is stopped."""
        self._control.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    async def _ask(self, job: Job, memory: int) -> bytes | None:
        """Send a job, and wait for the answer; ``None`` if no process could be started for it.

        Raises:
            TimeoutError: It was started, and not done in time.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                encoded = msgspec.msgpack.encode(job)
                socket.send_fds(self._control, [encoded], [theirs.fileno(), memory])
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
                # Its end of the socket is open, so the process still exists and hangs.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                raise
        finally:
            writer.close()  # which ends the process, if it still runs

    async def _begun(self, reader: asyncio.StreamReader) -> int | None:
        """Wait for the process of a job, and return its id."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                return int.from_bytes(await reader.readexactly(PID_BYTES), "little")
        except asyncio.IncompleteReadError:
            logger.warning(
                "the fork server has started no process for a file (a limit on processes?)",
                extra=fields("fork-failed"),
            )
        except TimeoutError:
            self._give_up(f"has started nothing for {BEGIN_SECONDS:g} s")
        return None

    def _give_up(self, why: str) -> None:
        """Use no fork server from now on."""
        if self._is_lost:
            return
        self._is_lost = True
        self._control.close()
        os.kill(self.pid, signal.SIGKILL)  # a zombie at most, so the id is still its own
        logger.error(
            "the fork server %s: files are examined in fresh processes from now on, which takes "
            "some seconds longer",
            why,
            extra=fields("fork-server-lost", reason=why),
        )
