"""Admission: the decision whether an artifact may be served.

The examination runs in a child process with limits on time and memory, so a file that crashes
onnxruntime, loops or exhausts memory does not affect this process. The service and the exporter use
the same functions.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self

import msgspec

from inference.admission.files.contents import ChangedError, Contents, read_contents
from inference.admission.report import Report, decode_report
from inference.errors import ArtifactError
from inference.runtime.memory import MIB, granted_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from inference.settings import Settings


_LARGEST_FILE = 2**31 - 1  # protobuf's own limit
# Of the memory granted: a model takes a few times its file's size, and the one before it is there
# still.
_SHARE = 4
_LEAST_MEMORY = 1024 * MIB  # of addresses: onnxruntime maps some hundred MiB by itself


class Limits(msgspec.Struct, frozen=True):
    """What one examination may take.

    Attributes:
        seconds: Wall-clock time.
        memory_bytes: Address space; onnxruntime itself maps about 500 MiB of it.
        file_bytes: The largest file.
    """

    seconds: float = 30
    memory_bytes: int = 4 * 1024**3
    file_bytes: int = _LARGEST_FILE

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take them from the settings, and from what this process is granted."""
        granted = granted_bytes()
        file_bytes = settings.max_model_bytes or min(granted // _SHARE, _LARGEST_FILE)
        memory_bytes = min(settings.admission_memory_bytes, max(granted, _LEAST_MEMORY))
        return cls(settings.admission_timeout_seconds, memory_bytes, file_bytes)


class NoProcessError(OSError):
    """No process can be begun to examine a file; the machine's fault, and not the file's."""


_DEFAULT = Limits()
Reader = Callable[["Path", Limits], Awaitable[Contents]]
Examiner = Callable[[Contents, Limits], Awaitable[Report]]


def examine(path: Path, limits: Limits = _DEFAULT) -> Report:
    """Read one artifact, and try it in a child process; blocks until it is done.

    Guaranteed to return within about ``limits.seconds``, whatever is in the file.

    Returns:
        The report; ``admitted`` is false with a ``reason`` for a file that is refused, that crashes
        the child, or that exceeds a limit.
    """
    try:
        with read_contents(path, limits.file_bytes) as contents:
            return _examine(contents, limits)
    except OSError as error:
        return Report(admitted=False, reason=f"the file cannot be read: {error.strerror}")
    except ChangedError:
        return Report(admitted=False, reason="it is not a regular file, or it changed meanwhile")
    except ArtifactError as error:
        return Report(admitted=False, reason=str(error))


def _examine(contents: Contents, limits: Limits) -> Report:
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            _command(contents, limits),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limits.seconds,
            check=False,
            env=_environment(),
            pass_fds=[contents.descriptor],
        )
    except subprocess.TimeoutExpired:
        return too_slow(limits)
    return explain(child.returncode, child.stdout, child.stderr, limits)


async def read_aside(path: Path, limits: Limits = _DEFAULT) -> Contents:
    """Read an artifact in a thread; raises what :func:`read_contents` does."""
    return await asyncio.to_thread(read_contents, path, limits.file_bytes)


async def examine_aside(contents: Contents, limits: Limits = _DEFAULT) -> Report:
    """Try an artifact in a child process, and leave the loop free; canceled, it ends the child.

    Raises:
        NoProcessError: There is no process to be had.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            *_command(contents, limits),
            pass_fds=[contents.descriptor],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
    except OSError as error:
        raise NoProcessError(error.errno, error.strerror) from None
    try:
        async with asyncio.timeout(limits.seconds):
            stdout, stderr = await child.communicate()
    except TimeoutError:
        return too_slow(limits)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return explain(child.returncode or 0, stdout, stderr, limits)


def _command(contents: Contents, limits: Limits) -> list[str]:
    # By name: it imports the routes, a layer above this one.
    module = [sys.executable, "-P", "-m", "inference.serving.trial_process"]
    return [*module, str(contents.descriptor), str(limits.memory_bytes), str(limits.seconds)]


def _environment() -> dict[str, str]:
    # One thread: numpy's library would otherwise map memory for one per core of the host.
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return os.environ | one | {"ORT_DISABLE_TELEMETRY": "1"}


def too_slow(limits: Limits) -> Report:
    """Refuse what was not done in time."""
    reason = (
        f"its examination took over {limits.seconds:g} seconds: raise "
        "INFERENCE_ADMISSION_TIMEOUT_SECONDS"
    )
    return Report(admitted=False, reason=reason, was_cut_short=True)


def explain(status: int, stdout: bytes, stderr: bytes, limits: Limits) -> Report:
    """Read the child's report, or say what it died of.

    Args:
        status: Its exit status; negative for the signal that ended it.
        stdout: What it wrote to standard output.
        stderr: What it wrote to standard error.
        limits: What it was allowed.
    """
    try:
        return decode_report(stdout.splitlines()[-1])
    except (IndexError, msgspec.DecodeError):
        # Killed, most likely by the kernel because memory is short.
        reason, killed = _cause(status, stderr, limits), status == -signal.SIGKILL
        return Report(admitted=False, reason=reason, was_cut_short=killed)


def _cause(status: int, stderr: bytes, limits: Limits) -> str:
    if status == -signal.SIGKILL:
        return (
            "its examination was killed, most likely because memory is short: give the service more"
        )
    last = stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    if any("MemoryError" in line or "bad_alloc" in line for line in last):
        return _too_greedy(limits)
    if status < 0:
        died = signal.Signals(-status)
        if died == signal.SIGXCPU:
            return (
                f"its examination took over {limits.seconds:g} seconds of processor time: raise "
                "INFERENCE_ADMISSION_TIMEOUT_SECONDS"
            )
        return f"it crashes the runtime ({died.name})" + (f": {last[0][:300]}" if last else "")
    return f"its examination failed: {last[0][:300] if last else f'exit {status}'}"


def _too_greedy(limits: Limits) -> str:
    allowed, setting = limits.memory_bytes, "INFERENCE_ADMISSION_MEMORY_BYTES"
    _, most = resource.getrlimit(resource.RLIMIT_AS)  # which no process can raise for itself
    if most != resource.RLIM_INFINITY and most < allowed:
        allowed, setting = most, "the limit on address space (ulimit -v)"
    return f"it needs more than {allowed // MIB} MiB of memory: raise {setting}"
