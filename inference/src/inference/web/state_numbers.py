"""The number of the operator's choices in the headers of requests and answers.

Replicas that share their choices in a bucket (:mod:`inference.repository.replicated_state`) count
them. An answer says in ``Rookery-State`` with which number it was made, or with a later one. A
request demands a number in ``Rookery-State-Min``: it waits until this replica knows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

from inference.errors import NotReadyError, RequestError
from inference.runtime.inotify import Inotify
from inference.runtime.suggestions import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from inference.repository.operator_state import StateFile
    from inference.repository.repository import Repository
    from inference.settings import Settings
    from inference.web.message.headers import Headers

STATE, STATE_MIN = "Rookery-State", "Rookery-State-Min"
# Beyond the interval at which the replica looks for newer choices.
PATIENCE_SECONDS = 5.0

_STATE, _STATE_MIN = STATE.lower().encode(), STATE_MIN.lower().encode()
_NUMBER = re.compile(rb"[0-9]{1,18}")


class StateNumbers:
    """Reads and writes these headers.

    Args:
        repository: Has the choices that it follows.
        state_file: The choices.
        folder: Where the state file lies.
        wait_seconds: How long a request waits at most.
    """

    def __init__(
        self, repository: Repository, state_file: StateFile, folder: Path, *, wait_seconds: float
    ) -> None:
        self._repository = repository
        self._state_file = state_file
        self._folder = folder
        self._wait_seconds = wait_seconds
        self._waiting = 0
        self._events = contextlib.ExitStack()

    def header(self) -> tuple[bytes, bytes]:
        """Return the header of an answer that is made from now on."""
        return _STATE, b"%d" % self._repository.current().state.number

    def line(self) -> bytes:
        """Return the header of an answer that was made from the last snapshot, for HTTP/1.1."""
        return b"%s: %d\r\n" % (_STATE, self._repository.latest.state.number)

    def on_change(self, notify: Callable[[], None]) -> None:
        """Have a function called whenever :meth:`line` changes."""
        self._repository.on_other_choices(notify)

    async def wait(self, headers: Headers) -> None:
        """Wait until the number is known that a request demands, if it demands one.

        Args:
            headers: Names in lower case.

        Raises:
            RequestError: The header is not a number.
            NotReadyError: The number is still unknown when the time is over.
        """
        wanted = _read_wanted(headers)
        if wanted <= self._repository.current().state.number:
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                with self._watching():
                    await self._repository.wait_until(lambda s: s.state.number >= wanted)
        except TimeoutError:
            raise NotReadyError(
                f"this replica knows the operator's choices up to number "
                f"{self._repository.current().state.number}, and has waited "
                f"{self._wait_seconds:g} s for {wanted} ({STATE_MIN}): its bucket does not answer, "
                "or the number is not from this bucket. Try again, or send the request without "
                "the header"
            ) from None

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        """Look at the state file when it is replaced, for all requests that wait."""
        self._waiting += 1
        if self._waiting == 1:
            self._watch()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._events.close()

    def _watch(self) -> None:
        # Without events, the workers' own look at the choices, twice a second, ends the wait.
        with contextlib.suppress(OSError):
            if Inotify.is_supported:
                inotify = self._events.enter_context(Inotify())
                inotify.watch([self._folder])
                loop = asyncio.get_running_loop()
                loop.add_reader(inotify, self._look, inotify)
                self._events.callback(loop.remove_reader, inotify)
        self._look()  # for what came before the first event

    def _look(self, inotify: Inotify | None = None) -> None:
        if inotify is not None:
            inotify.drain()
        self._state_file.refresh()  # the file is replaced before the counter of changes moves
        self._repository.current()


def make_state_numbers(
    settings: Settings, repository: Repository, state_file: StateFile
) -> StateNumbers | None:
    """Return what reads and writes the headers; ``None`` if the choices are not in a bucket."""
    if settings.state_url is None:
        return None
    seconds = settings.state_seconds + PATIENCE_SECONDS
    return StateNumbers(repository, state_file, settings.state_dir, wait_seconds=seconds)


def _read_wanted(headers: Headers) -> int:
    """Return the number that a request demands; 0 if it demands none.

    >>> _read_wanted([(b"rookery-state-min", b"7")])
    7
    """
    values = [value for name, value in headers if name == _STATE_MIN]
    if not values:
        return 0
    if len(values) > 1 or _NUMBER.fullmatch(values[0]) is None:
        shown = shorten(b", ".join(values).decode("latin-1"))
        raise RequestError(
            f"'{shown}' in {STATE_MIN} is not the number of a state: send the value of a "
            f"{STATE} header once, such as {STATE_MIN}: 7"
        )
    return int(values[0])
