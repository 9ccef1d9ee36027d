"""Has journals made into Parquet files, one at a time, by a process of low priority."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from inference.monitoring.log.files.journal import Journal

_RETRY_SECONDS = 30.0
_MODULE = "inference.monitoring.log.files.compaction"
_SHOWN = 300  # characters of what the process has written


class Compactions:
    """Journals that are to become files. They stay until that has succeeded.

    Args:
        root: The folder of the log.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._journals: deque[Journal] = deque()
        self._process: subprocess.Popen[bytes] | None = None
        self._retry_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether something is left to do."""
        return bool(self._journals)

    def add(self, journal: Journal) -> None:
        """Have a journal made into files and then removed."""
        self._journals.append(journal)

    def step(self) -> OSError | None:
        """Start the next compaction, or look at the one that runs.

        Returns:
            Why a compaction has failed; it is repeated later.
        """
        if not self._journals:
            return None
        if self._process is None:
            if time.monotonic() < self._retry_at:
                return None
            return self._start(self._journals[0])
        status = self._process.poll()
        return None if status is None else self._end(status)

    def finish(self, seconds: float) -> None:
        """Do what can be done within some seconds, and leave the rest to another process."""
        deadline = time.monotonic() + seconds
        self._retry_at = 0.0
        while self._journals and time.monotonic() < deadline:
            if self.step() is not None:
                break
            if self._process is not None:
                try:
                    self._process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    break
        if self._process is not None:
            with self._process as process:  # waits for its end, and closes the pipe
                process.kill()
        while self._journals:
            self._journals.popleft().close()

    def _start(self, journal: Journal) -> OSError | None:
        if not journal.is_in_place():
            self._journals.popleft().remove()
            return None
        command = [sys.executable, "-m", _MODULE, str(self._root), str(journal.path)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from callers
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except OSError as error:  # a limit on processes or memory
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            return error
        return None

    def _end(self, status: int) -> OSError | None:
        process, self._process = self._process, None
        journal = self._journals.popleft()
        said = process.stderr.read() if process is not None and process.stderr else b""
        if process is not None and process.stderr:
            process.stderr.close()
        if status == 0:
            journal.remove()
            return None
        # Others first: one journal that cannot be read must not hold up the rest.
        self._journals.append(journal)
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        reason = os.strerror(status) if 1 < status < _SIGNALS else said.decode()[-_SHOWN:].strip()
        return OSError(status, f"compaction failed: {reason or status}")


_SIGNALS = 128
