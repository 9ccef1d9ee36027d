"""Which of the artifacts that wait is loaded next.

A folder may hold thousands of files that are refused in the end, and may get more of them every
second. So the kinds that wait are served in rotation, and so are the oldest and the newest of each
kind: no good file waits for all the others.

A file whose examination hangs is given up only at its time limit. A few of them would occupy all
loads until then. So one load is kept free of long examinations: one that becomes long goes on only
if :meth:`Load.prolong` allows it; otherwise it ends, and waits with others of its kind.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from inference.repository.entry import Entry
    from inference.repository.folder.scan import Key

    Work = Callable[["Load"], Coroutine[None, None, None]]


class Kind(enum.Enum):
    """Why an artifact waits."""

    LIVE = "its model answers already, or the operator has chosen it"
    NEW = "it has not been tried"
    AGAIN = "another content of it was refused, or it is tried once more"
    LONG = "its examination takes long, and has made way"


_OLDEST, _NEWEST = False, True
_ORDER = (
    (Kind.LIVE, _OLDEST),
    (Kind.NEW, _NEWEST),
    (Kind.AGAIN, _NEWEST),
    (Kind.LIVE, _NEWEST),
    (Kind.NEW, _OLDEST),
    (Kind.AGAIN, _OLDEST),
)


class Load:
    """One load that runs.

    Args:
        key: The version.
        entry: What is known of it.
        queue: The queue that counts long loads.
        is_long: Whether the load is expected to take long.

    Attributes:
        candidate: The artifact that is loaded.
    """

    def __init__(self, key: Key, entry: Entry, queue: LoadQueue, *, is_long: bool) -> None:
        self.key = key
        self.entry = entry
        self.candidate = entry.begin()
        self.is_long = is_long
        self._queue = queue

    def prolong(self) -> bool:
        """Ask for more time; return whether the load may go on."""
        self.is_long = self.is_long or self._queue.has_room_for_long
        return self.is_long


class LoadQueue:
    """Starts loads, a limited number at once.

    Args:
        at_once: Loads that run at once; all but one of them may be long.
        work: The load; raises nothing.
    """

    def __init__(self, at_once: int, work: Work) -> None:
        self._at_once = at_once
        self._work = work
        self._waiting: dict[Kind, OrderedDict[Key, Entry]] = {kind: OrderedDict() for kind in Kind}
        self._kinds: dict[Key, Kind] = {}
        self._order = itertools.cycle(_ORDER)
        self._running: dict[asyncio.Task[None], Load] = {}

    @property
    def has_room_for_long(self) -> bool:
        """Whether another load may take long."""
        return sum(load.is_long for load in self._running.values()) < self._at_once - 1

    def offer(self, key: Key, entry: Entry, kind: Kind) -> None:
        """Add an artifact, and start the loads for which there is room.

        One that waits already keeps its position, unless it waits as another kind now.
        """
        before = self._kinds.get(key)
        if before is kind and self._waiting[kind][key] is entry:
            return
        self.discard(key)
        self._kinds[key] = kind
        self._waiting[kind][key] = entry
        self._start()

    def discard(self, key: Key) -> None:
        """Remove an artifact that waits."""
        kind = self._kinds.pop(key, None)
        if kind is not None:
            del self._waiting[kind][key]

    def cancel(self, key: Key, entry: Entry) -> None:
        """Remove an artifact, and end its load."""
        self.discard(key)
        for task, load in self._running.items():
            if load.entry is entry:
                task.cancel()

    async def close(self) -> None:
        """End all loads, and start no others."""
        for key in list(self._kinds):
            self.discard(key)
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _start(self) -> None:
        while len(self._running) < self._at_once:
            if self._waiting[Kind.LONG] and self.has_room_for_long:
                self._begin(Kind.LONG, newest=_OLDEST)
            elif len(self._kinds) > len(self._waiting[Kind.LONG]):
                kind, newest = next(each for each in self._order if self._waiting[each[0]])
                self._begin(kind, newest=newest)
            else:
                return

    def _begin(self, kind: Kind, *, newest: bool) -> None:
        key, entry = self._waiting[kind].popitem(last=newest)
        del self._kinds[key]
        load = Load(key, entry, self, is_long=kind is Kind.LONG)
        task = asyncio.create_task(self._work(load))
        self._running[task] = load
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._start()
