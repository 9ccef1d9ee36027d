"""A filter that logs an event once, although every worker sees it.

Each worker scans the folder, loads models and reads the key files. For such events, shared memory
stores the time of the last line. A worker that does not know this line yet records it and logs
nothing. If the worker knows the line, the event has happened again, and the worker logs it.
docs/decisions/0027 has the reasons.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from inference.logs.record import fields_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The events that every worker sees. All others concern one worker or one request.
_EVENTS = frozenset(
    {
        "connections-limited", "fast-way-off", "folder-gone", "folder-unwatched", "grpc", "keys",
        "keys-unreadable", "load", "prediction-log", "quarantine", "release", "remove", "share",
        "state-corrupt", "state-unreadable", "swap", "trust", "trust-unreadable",
    }
)  # fmt: skip
_OWN_FIELDS = ("ms",)  # these differ between workers
_KNOWN_SECONDS = 600.0  # an older line does not belong to the same event
_START_SECONDS = 30.0  # a new worker loads what its predecessor had loaded
_SLOTS = 16_384
_DOUBLES = 2  # per slot: the event's hash, and the time of its last line
ONCE_DOUBLES = _SLOTS * _DOUBLES
# The maximum wait for another process. A process that takes longer is stopped. The lock is then not
# used for a while, which causes at most duplicate lines.
_LOCK_SECONDS, _LOCK_STEP_SECONDS, _WITHOUT_SECONDS = 0.05, 0.0002, 5.0


class Once(logging.Filter):
    """Omits events that another worker has logged.

    Create it before the workers are forked, and add it to the log of each of them.

    Args:
        memory: Shared by the workers: :data:`ONCE_DOUBLES` doubles, initially zero.
        clock: Returns seconds, equal in all processes of the machine.
    """

    def __init__(
        self, memory: memoryview[float], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._logged = memory
        self._clock = clock
        self._known: dict[int, float] = {}
        self._begun = clock()
        self._threads = threading.Lock()
        self._without_until = 0.0
        # Locks on this file belong to a process and end with it.
        self._lock_file = os.memfd_create("log")

    def begin(self) -> None:
        """Record the start of a worker."""
        self._begun = self._clock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this worker writes the line."""
        event = fields_of(record)
        if event.get("event") not in _EVENTS:
            return True
        shared = {name: value for name, value in event.items() if name not in _OWN_FIELDS}
        text = json.dumps(shared, sort_keys=True, default=str).encode()
        # A double represents integers of up to 53 bits exactly.
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 12
        with self._threads, self._locked():
            return self._is_news(number)

    def _is_news(self, number: int) -> bool:
        slot = number % _SLOTS
        index = slot * _DOUBLES
        hashed, logged = self._logged[index], self._logged[index + 1]
        now = self._clock()
        is_same = hashed == number and now - logged < _KNOWN_SECONDS
        # After its start, a worker loads what was live before. Later, such an event is new.
        is_outdated = logged < self._begun and now - self._begun > _START_SECONDS
        if is_same and not is_outdated and self._known.get(slot) != logged:
            self._known[slot] = logged
            return False
        self._logged[index], self._logged[index + 1] = number, now
        self._known[slot] = now
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, unless a stopped process holds it."""
        is_held = self._lock()
        try:
            yield
        finally:
            if is_held:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN)

    def _lock(self) -> bool:
        now = time.monotonic()
        if now < self._without_until:
            return False
        deadline = now + _LOCK_SECONDS
        while True:
            try:
                fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > deadline:
                    self._without_until = deadline + _WITHOUT_SECONDS
                    return False
                time.sleep(_LOCK_STEP_SECONDS)  # lockf has no time limit; the holder takes 1 µs
            else:
                return True
