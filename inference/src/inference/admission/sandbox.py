"""The limits of the process that examines an artifact: it limits itself, and cannot undo that."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys

from inference.runtime.locales import load_locales
from inference.runtime.memory import be_first_to_go

# Where a busy service uses all of a core, an examination gets a tenth of it.
_NICENESS = 10
_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG, linux/prctl.h
# CLONE_NEWUSER and CLONE_NEWNET, linux/sched.h; os.unshare() is there from Python 3.12 on.
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)


def lower_priority() -> None:
    """Lower this process's CPU priority."""
    os.nice(_NICENESS)


def run_when_idle() -> None:
    """Let this process run only while no other one wants the processor, where that is allowed.

    A process of low priority that runs is not interrupted at once when the service gets a request,
    but only after some milliseconds. A process of this class is.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit this process: address space, processor time, no core dump, no file written.

    It also ends with its parent, and the kernel ends it before others when memory is short.

    Args:
        memory_bytes: The most address space.
        cpu_seconds: The most processor time.
    """
    end_with_parent()
    be_first_to_go()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        memory_bytes = min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def leave_network() -> bool:
    """Leave the network; return false where an unprivileged process may not.

    A second protection: :func:`give_up_files` works everywhere, except for root.
    """
    unshare = ctypes.CDLL(None).unshare
    return any(unshare(spaces) == 0 for spaces in (_NEW_USER | _NEW_NETWORK, _NEW_NETWORK))


def give_up_files() -> None:
    """Prevent this process from opening any file or socket; what is open stays open.

    Locales are files, too, so those that text models may name are loaded before.
    """
    load_locales()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
