"""The process that reads one file into memory that it shares with the service.

It is ended if a file system hangs, and it parses nothing of what it reads.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from inference.admission.files.contents import ChangedError, Reading, fill, is_sealed
from inference.errors import ArtifactError
from inference.runtime.memory import be_first_to_go

if TYPE_CHECKING:
    import socket


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reading, or why there is none; nothing at all when the file changed."""

    reading: Reading | None = None
    refused: str = ""
    errno: int = 0


_decode_answer = msgspec.msgpack.Decoder(_Answer).decode


def read_for(
    asker: socket.socket, memory: int, path: bytes, *, most_bytes: int, seconds: float
) -> None:
    """Read a file, and answer; for once in a process, which this ends when it takes too long.

    Args:
        asker: Where the answer goes; closed when the caller no longer waits.
        memory: The descriptor of the memory, empty.
        path: The file.
        most_bytes: The largest file that is read.
        seconds: How long it may take.
    """
    be_first_to_go()
    # By default an alarm ends the process, even one that waits for a file system.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    asker.setblocking(False)
    try:
        answer = _Answer(
            fill(memory, Path(os.fsdecode(path)), most_bytes, lambda: _end_without(asker))
        )
    except ChangedError:
        answer = _Answer()
    except ArtifactError as error:
        answer = _Answer(refused=str(error))
    except OSError as error:
        answer = _Answer(errno=error.errno or errno.EIO)
    asker.setblocking(True)
    with contextlib.suppress(OSError):  # the caller no longer waits
        asker.sendall(msgspec.msgpack.encode(answer))


def check_answer(received: bytes, memory: int) -> Reading:
    """Give what was read into memory.

    Args:
        received: What the reader sent before its end.
        memory: The descriptor of the memory.

    Raises:
        ArtifactError: The file is too large.
        ChangedError: It changed meanwhile, or is no regular file.
        OSError: It cannot be read.
        TimeoutError: The reader was ended, by its timer or for want of memory.
    """
    if not received:
        raise TimeoutError
    answer = _decode_answer(received)
    if answer.errno:
        raise OSError(answer.errno, os.strerror(answer.errno))
    if answer.refused:
        raise ArtifactError(answer.refused)
    if answer.reading is None or not is_sealed(memory, answer.reading.fingerprint.size):
        raise ChangedError
    return answer.reading


def _end_without(asker: socket.socket) -> None:
    """End this process when its caller no longer waits."""
    with contextlib.suppress(BlockingIOError):
        if not asker.recv(1):
            os._exit(0)
