"""Whose turn it is: which of the artifacts that wait is brought up next.

A folder may hold thousands of files that are refused in the end, and may get more of them every
second. So that no good one waits for all of those, the kinds that wait take turns, and so do the
oldest and the newest of a kind.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from inference.repository.entry import Slot
    from inference.repository.folder.scan import Key

    Work = Callable[[Key, Slot], Coroutine[None, None, None]]


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


class Turns:
    """Starts the work on artifacts, so many at once.

    Args:
        at_once: Artifacts that are worked on at once.
        long_at_once: Further ones, of those that take long.
        work: What is done; raises nothing.
    """

    def __init__(self, at_once: int, long_at_once: int, work: Work) -> None:
        self._room = {False: at_once, True: long_at_once}
        self._work = work
        self._waiting: dict[Kind, OrderedDict[Key, Slot]] = {kind: OrderedDict() for kind in Kind}
        self._kinds: dict[Key, Kind] = {}
        self._order = itertools.cycle(_ORDER)
        self._running: set[asyncio.Task[None]] = set()

    def offer(self, key: Key, slot: Slot, kind: Kind) -> None:
        """Have an artifact wait, and start what there is room for.

        One that waits already keeps its place, unless it waits as another kind now.
        """
        before = self._kinds.get(key)
        if before is kind and self._waiting[kind][key] is slot:
            return
        self.discard(key)
        self._kinds[key] = kind
        self._waiting[kind][key] = slot
        self.start()

    def discard(self, key: Key) -> None:
        """Let an artifact wait no longer."""
        kind = self._kinds.pop(key, None)
        if kind is not None:
            del self._waiting[kind][key]

    async def close(self) -> None:
        """End the work, and begin no other."""
        for key in list(self._kinds):
            self.discard(key)
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def start(self) -> None:
        """Start the work on as many as there is room for."""
        while self._room[True] and self._waiting[Kind.LONG]:
            self._begin(Kind.LONG, newest=_OLDEST)
        while self._room[False] and len(self._kinds) > len(self._waiting[Kind.LONG]):
            kind, newest = next(each for each in self._order if self._waiting[each[0]])
            self._begin(kind, newest=newest)

    def _begin(self, kind: Kind, *, newest: bool) -> None:
        key, slot = self._waiting[kind].popitem(last=newest)
        del self._kinds[key]
        is_long = kind is Kind.LONG
        self._room[is_long] -= 1
        slot.task = asyncio.create_task(self._work(key, slot))
        self._running.add(slot.task)
        slot.task.add_done_callback(lambda task: self._end(task, is_long=is_long))

    def _end(self, task: asyncio.Task[None], *, is_long: bool) -> None:
        self._running.discard(task)
        self._room[is_long] += 1
        self.start()
