"""The monitor: how much memory every process holds, over time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from soak.site import children, descendants, resident_bytes, share_bytes

if TYPE_CHECKING:
    from soak.site import Site


class Reading(NamedTuple):
    """One look.

    Attributes:
        at: Seconds since the beginning.
        workers: Resident bytes of each worker, by process; with what it shares with others.
        total: Bytes of all processes, supervisor and examinations too; what is shared counts once.
    """

    at: float
    workers: dict[int, int]
    total: int


class Monitor(threading.Thread):
    """Looks every so often, within the ``with`` block.

    Args:
        site: The service.
        seconds: From one look to the next.

    Attributes:
        begun: When it began, on the monotonic clock.
        readings: What was seen.
    """

    def __init__(self, site: Site, seconds: float) -> None:
        super().__init__(daemon=True)
        self._site, self._seconds = site, seconds
        self._ended = threading.Event()
        self.begun = time.monotonic()
        self.readings: list[Reading] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(10)

    def run(self) -> None:
        """Look until the end."""
        while True:
            self.readings.append(self.look())
            if self._ended.wait(self._seconds):
                return

    def look(self) -> Reading:
        """Look once."""
        supervisor = self._site.supervisor
        workers = children(supervisor)
        return Reading(
            time.monotonic() - self.begun,
            {pid: size for pid in workers if (size := resident_bytes(pid))},
            sum(map(share_bytes, [supervisor, *descendants(supervisor)])),
        )
