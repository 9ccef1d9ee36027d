"""The operator's choices: the selection, pinned versions, traffic, unloaded models.

They are one small JSON file that is replaced atomically. A change that was answered is on disk, and
a number in shared memory shows the other workers that the file has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import time
from typing import TYPE_CHECKING

import msgspec

from inference.errors import StateError
from inference.logs import fields
from inference.repository.events import Events
from inference.repository.traffic.choice import Decision, Traffic  # noqa: TC001 - msgspec reads it
from inference.runtime.files import sync_folder, try_lock
from inference.runtime.threads import make_threads
from inference.runtime.watched_file import WatchedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableSequence
    from pathlib import Path

    Changes = MutableSequence[float] | memoryview[float]

logger = logging.getLogger(__name__)

# Another process holds the lock only while a disk writes, unless the process is stopped.
_LOCK_SECONDS = 2.0
_LOCK_STEP_SECONDS = 0.005


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """The model that ``/predict/`` uses; ``version`` only where one was asked for."""

    model: str
    version: int | None = None


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the operator has chosen.

    Attributes:
        selection: The model that ``/predict/`` uses.
        pins: The version that is active, by model; without a pin the highest is.
        unloaded: Models that are not to be served although they are there.
        traffic: How the requests of a model are split, and what shadows them, by model.
        decisions: How the last rollout of a model has ended by itself, by model.
        number: The document of the log in a bucket that it was read from; 0 without a bucket.
    """

    selection: Selection | None = None
    pins: dict[str, int] = {}
    unloaded: list[str] = []
    traffic: dict[str, Traffic] = {}
    decisions: dict[str, Decision] = {}
    number: int = 0


_NAMES = {
    "selection": "the selected model",
    "pins": "the pinned versions",
    "unloaded": "the unloaded models",
    "traffic": "the traffic",
    "decisions": "the decided rollouts",
}


def _describe(choice: Selection | Mapping[str, int | Traffic | Decision] | list[str] | None) -> str:
    """Return the text of a choice for the log."""
    if isinstance(choice, Selection):
        return choice.model + (f" version {choice.version}" if choice.version else "")
    if isinstance(choice, dict):
        return "; ".join(_describe_of(*pair) for pair in choice.items()) or "none"
    return ", ".join(choice or ()) or "none"


def _describe_of(model: str, choice: int | Traffic | Decision) -> str:
    return f"{model} {f'version {choice}' if isinstance(choice, int) else choice.describe()}"


_decode_state = msgspec.json.Decoder(State).decode


class StateFile:
    """The state on disk.

    Args:
        folder: Where ``state.json`` lies; created when missing.
        events: Notified of every change made here.
        changes: A number that all processes share, one more with each change: while it is the same
            there is nothing to look at, but for an edit by hand, which :meth:`refresh` finds.
            Without it every look is a stat.
        only: The name of the only model, which is always selected; ``None`` where there may be
            many.
    """

    def __init__(
        self,
        folder: Path,
        events: Events | None = None,
        changes: Changes | None = None,
        *,
        only: str | None = None,
    ) -> None:
        self._folder = folder
        self._events = events or Events()
        self._path = folder / "state.json"
        self._only = only
        self._state = self._with_selection(State())
        self._file = WatchedFile(self._path, self._decode, missing=self._state)
        self._changes = changes
        self._known_changes = -1.0
        self._thread = make_threads(1, "state")  # so that changes of one process come in order

    def current(self) -> State:
        """Return the state as it is on disk now.

        If the file cannot be read, the last state stays valid; if it is not a state, it counts as
        empty. Both are logged once.
        """
        if self._changes is not None:
            changes = self._changes[0]
            if changes == self._known_changes:
                return self._state
            self._known_changes = changes
        return self.refresh()

    def refresh(self) -> State:
        """Return the state, read again if the file has changed; a stat if it has not."""
        state = self._file.refresh(self._log_failure)
        if state is not None:
            self._state = state
        elif self._file.has_failed:
            self._known_changes = -1.0  # so that the next request reads it again
        return self._state

    def _log_failure(self, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else error
        message = "the state file %s cannot be read: %s; the choices stay as they were"
        logger.warning(message, self._path, reason, extra=fields("state-unreadable"))

    async def change(self, change: Callable[[State], State]) -> State:
        """Change the state on disk from the event loop, which does not wait for the disk.

        Args and Raises are those of :meth:`update`. A change that has begun is completed even if
        the caller is canceled.
        """
        return await asyncio.shield(asyncio.ensure_future(self._change(change)))

    async def _change(self, change: Callable[[State], State]) -> State:
        loop = asyncio.get_running_loop()
        before, after = await loop.run_in_executor(self._thread, self._replace, change)
        self._report(before, after)
        return self.current()

    def update(self, change: Callable[[State], State]) -> State:
        """Change the state on disk, one process at a time; blocks until it is written.

        Args:
            change: From the present state to the wanted one; any exception is passed on and leaves
                the state as it was. A state that stays equal is not written.

        Raises:
            StateError: The folder cannot be written; nothing was changed.
        """
        self._report(*self._replace(change))
        return self.current()

    def _replace(self, change: Callable[[State], State]) -> tuple[State, State]:
        """Change the file, and nothing of this object: this runs in a thread, too."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                before = self._read()
                after = change(before)
                if after != before:
                    self._write(msgspec.structs.replace(after, number=0))  # no longer the log's
                    if self._changes is not None:
                        self._changes[0] += 1
                return before, after
        except OSError as error:
            reason = f"the state cannot be written to '{self._path}': {error.strerror}"
            logger.error("%s", reason, extra=fields("state-unwritable"))  # noqa: TRY400 - says all
            raise StateError(f"{reason}; nothing changed") from error

    def _read(self) -> State:
        missing = self._with_selection(State())
        return WatchedFile(self._path, self._decode, missing=missing).read_if_changed() or missing

    def _report(self, before: State, after: State) -> None:
        for choice, name in _NAMES.items():
            was, now = getattr(before, choice), getattr(after, choice)
            if was != now:
                self._events.chosen(choice)
                values = msgspec.to_builtins({"before": was, "after": now})
                extra = fields("choice", choice=choice, **values)
                said = (name, _describe(was), _describe(now))
                logger.info("%s changed from %s to %s", *said, extra=extra)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / ".lock").open("w") as lock:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not try_lock(lock):
                if time.monotonic() > deadline:
                    raise OSError(errno.ETIMEDOUT, "another process holds its lock")
                time.sleep(_LOCK_STEP_SECONDS)  # flock has no time limit of its own
            yield

    def _write(self, state: State) -> None:
        temporary = self._folder / f".state-{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(state))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            sync_folder(self._folder)
        finally:
            temporary.unlink(missing_ok=True)

    def _decode(self, content: bytes) -> State:
        try:
            return self._with_selection(_decode_state(content))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            aside = self._path.with_suffix(".corrupt")
            logger.error(  # noqa: TRY400 - the message says it all
                "the state file %s is not a state (%s): %s is a copy, and nothing is selected",
                self._path,
                error,
                aside,
                extra=fields("state-corrupt", path=str(self._path)),
            )
            with contextlib.suppress(OSError):
                # A copy: an editor may still write the file, another process may have replaced it.
                aside.write_bytes(content)
            return self._with_selection(State())

    def _with_selection(self, state: State) -> State:
        """Select the only model, unless one of its versions is selected."""
        selection = state.selection
        if self._only is None or (selection is not None and selection.model == self._only):
            return state
        return msgspec.structs.replace(state, selection=Selection(self._only))
