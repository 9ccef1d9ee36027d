"""The operator's choices in a bucket, shared by all replicas of the service.

The bucket has the log, :mod:`inference.storage.state_log`. Each replica keeps the newest state that
it knows in its state file, together with its number, so that requests read it as before. One
process of each replica looks for newer ones, see :mod:`inference.process.storage_process`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from inference.errors import StateError, StorageError
from inference.logs import fields
from inference.repository.operator_state import State, StateFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.repository.events import Events
    from inference.settings import Settings
    from inference.storage.state_log import StateLog

logger = logging.getLogger(__name__)

_COMMIT_SECONDS = 20.0
_LONGEST_PAUSE_SECONDS = 0.05  # between two attempts of writers that collide
# A replica may need this long, beyond its interval, to read a document and to apply it.
_MARGIN_SECONDS = 0.5


_decode_state = msgspec.json.Decoder(State).decode


class ReplicatedState(StateFile):
    """The state in a bucket, with a copy in the state folder.

    Args:
        given: Arguments of :class:`StateFile`.
        log: Makes the log, at its first use.
        follow_seconds: How often each replica looks for newer states.
        options: Further arguments of :class:`StateFile`.
    """

    def __init__(
        self, *given: Any, log: Callable[[], StateLog], follow_seconds: float, **options: Any
    ) -> None:
        super().__init__(*given, **options)
        self._make_log = log
        self._wait_seconds = follow_seconds + _MARGIN_SECONDS
        self._collisions = 0  # of the change that is being made; used in its thread only

    async def _change(self, change: Callable[[State], State]) -> State:
        """Commit a change, and wait until every replica has had time to follow."""
        before, after = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._replace, change
        )
        self._report(before, after)
        if before != after:
            await asyncio.sleep(self._wait_seconds)
        return self.current()

    def _replace(self, change: Callable[[State], State]) -> tuple[State, State]:
        self._collisions = 0
        try:
            return asyncio.run(asyncio.wait_for(self._commit(change), _COMMIT_SECONDS))
        except StateError as error:  # the store cannot hold a log
            logger.error("%s", error, extra=fields("state-unwritable"))  # noqa: TRY400 - says all
            raise
        except (StorageError, OSError) as error:  # a timeout is an OSError, too
            reason = str(error) or f"the store did not answer within {_COMMIT_SECONDS:g} s"
            if self._collisions:
                reason += f"; other replicas were first {self._collisions} times"
            logger.error("%s", reason, extra=fields("state-unwritable"))  # noqa: TRY400 - says all
            raise StateError(f"the change may not have been made: {reason}") from error

    async def _commit(self, change: Callable[[State], State]) -> tuple[State, State]:
        log, before = self._make_log(), self._read()
        while True:
            # Kept in the end only: a writer that writes a file before each attempt is always late.
            before = await self._read_newest(log, before)
            after = change(before)
            if after == before:
                self._keep(before)
                return before, after
            after = msgspec.structs.replace(after, number=before.number + 1)
            document = msgspec.to_builtins(after) | {"change": uuid.uuid4().hex}
            if await log.append(after.number, msgspec.json.encode(document)):
                self._keep(after)
                return before, after
            self._collisions += 1
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311

    async def follow(self) -> State:
        """Look for newer states once, keep the newest, and return it.

        Raises:
            StorageError: The store does not answer, or refuses.
            OSError: The state folder cannot be written.
        """
        before = self.refresh()
        state = await self._read_newest(self._make_log(), before)
        self._keep(state)
        self._report(before, state)
        return state

    async def _read_newest(self, log: StateLog, known: State) -> State:
        number, content = await log.read_latest(known.number)
        if content is None:
            return known
        try:
            state = self._with_selection(_decode_state(content))
        except msgspec.MsgspecError as error:
            raise StorageError(f"document {number} of the state is wrong: {error}") from None
        return msgspec.structs.replace(state, number=number)

    def _keep(self, state: State) -> None:
        """Write a state into the file, unless the file has it or a newer one."""
        if state.number <= self._known_number():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if state.number > self._known_number():
                self._write(state)
                if self._changes is not None:
                    self._changes[0] += 1

    def _known_number(self) -> int:
        try:
            return _decode_state(self._path.read_bytes()).number
        except (OSError, msgspec.MsgspecError, UnicodeError):
            return 0


class StateAge:
    """When the replica has last seen that it has the newest state; shared by all processes.

    Args:
        values: Two doubles: when, in seconds of a clock of the machine that is never set, and how
            often it was tried.
    """

    def __init__(self, values: Any) -> None:
        self._values = values

    @property
    def was_tried(self) -> bool:
        """Whether the log was looked at once since the start."""
        return bool(self._values[1])

    @property
    def seconds(self) -> float:
        """How old the replica's knowledge is; infinite if it has none."""
        seen = self._values[0]
        return max(0.0, time.monotonic() - seen) if seen else float("inf")

    def tried(self, *, found: bool) -> None:
        """Note that the log was looked at."""
        if found:
            self._values[0] = time.monotonic()
        self._values[1] += 1


def open_state(settings: Settings, events: Events, changes: Any) -> StateFile:
    """Return the operator's choices of a worker."""
    folder, only = settings.state_dir, settings.model_name
    if settings.state_url is None:
        return StateFile(folder, events, changes, only=only)
    seconds = settings.state_seconds
    return ReplicatedState(
        folder, events, changes, only=only, log=open_log(settings), follow_seconds=seconds
    )


def open_log(settings: Settings) -> Callable[[], StateLog]:
    """Return what opens the log of the settings, once."""
    url = settings.state_url or ""

    @cache
    def open_once() -> StateLog:
        # Imported late: obstore is an extra.
        from inference.storage.object_store import open_store  # noqa: PLC0415
        from inference.storage.state_log import StateLog  # noqa: PLC0415

        return StateLog(open_store(url))

    return open_once
