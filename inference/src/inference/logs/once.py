"""What happens once on a machine is logged once, although every worker sees it.

Each worker scans the folder, loads what is new and reads the files of keys. Of an event that all of
them see, memory that they share holds when it was logged last. A worker that comes to the same
event and does not know of that line yet takes note of it and keeps silent; one that knows of it has
news, since the event has happened again, and logs it.
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

# What every worker sees by itself; all else is one worker's own affair, or an answer to a request.
_EVENTS = frozenset(
    {
        "connections-limited", "fast-way-off", "folder-gone", "folder-unwatched", "grpc", "keys",
        "keys-unreadable", "load", "quarantine", "release", "remove", "state-corrupt",
        "state-unreadable", "swap", "trust", "trust-unreadable",
    }
)  # fmt: skip
_OWN_FIELDS = ("ms",)  # differ from worker to worker
_KNOWN_SECONDS = 600.0  # after which a line is not taken for the same event's any more
_START_SECONDS = 30.0  # for which a worker may be about to load what was live before it began
_SLOTS = 16_384
_DOUBLES = 2  # of a slot: the event's hash, and when it was logged
ONCE_BYTES = _SLOTS * _DOUBLES * 8
# How long another process is waited for. One that takes longer is stopped: there is no lock for a
# while then, and a line too many does no harm.
_LOCK_SECONDS, _LOCK_STEP_SECONDS, _WITHOUT_SECONDS = 0.05, 0.0002, 5.0


class Once(logging.Filter):
    """Leaves out of the log what another worker has logged.

    It is made before the workers are forked, and used in each of them.

    Args:
        memory: Shared by the workers, :data:`ONCE_BYTES`, zero at first.
        clock: Seconds, the same for all processes of the machine.
    """

    def __init__(self, memory: memoryview, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._logged = memory.cast("B").cast("d")
        self._clock = clock
        self._known: dict[int, float] = {}
        self._begun = clock()
        self._threads = threading.Lock()
        self._without_until = 0.0
        # A lock on it is a process's own, and ends with the process.
        self._lock_file = os.memfd_create("log")

    def begin(self) -> None:
        """Note that a worker begins here."""
        self._begun = self._clock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is written here."""
        event = fields_of(record)
        if event.get("event") not in _EVENTS:
            return True
        told = {name: value for name, value in event.items() if name not in _OWN_FIELDS}
        text = json.dumps(told, sort_keys=True, default=str).encode()
        # A double holds 53 bits of a whole number.
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 12
        with self._threads, self._locked():
            return self._is_news(number)

    def _is_news(self, number: int) -> bool:
        slot = number % _SLOTS
        place = slot * _DOUBLES
        hashed, logged = self._logged[place], self._logged[place + 1]
        now = self._clock()
        is_same = hashed == number and now - logged < _KNOWN_SECONDS
        # A successor loads at its start what was live before; later what it sees is news.
        is_of_before = logged < self._begun and now - self._begun > _START_SECONDS
        if is_same and not is_of_before and self._known.get(slot) != logged:
            self._known[slot] = logged
            return False
        self._logged[place], self._logged[place + 1] = number, now
        self._known[slot] = now
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep the other processes out, unless one of them is stopped while it is in."""
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
                time.sleep(_LOCK_STEP_SECONDS)  # who has it needs a microsecond, and a processor
            else:
                return True
