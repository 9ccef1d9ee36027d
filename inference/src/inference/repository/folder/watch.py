"""Watch the models folder: report that it should be scanned, not what has changed.

Events are a hint, the scan is the truth. Where events do not come (NFS, Docker Desktop), where the
folder is missing, or where it was replaced by another one (a remount), the periodic tick still
does. While nothing changes, nothing wakes this process but that tick.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Self

from inference.logs import fields
from inference.runtime.inotify import Inotify
from inference.runtime.threads import NoThreadError, ThreadPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from inference.repository.folder.models_folder import ModelsFolder

logger = logging.getLogger(__name__)

_GATHER_SECONDS = 0.02  # changes come in groups, such as a file's creation and its content
_ABSENT_SECONDS = 0.5  # how often it is looked whether an absent folder has come


async def ticks(
    folder: ModelsFolder, *, rescan_seconds: float, force_polling: bool, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Yield whenever the folder is worth a scan: after events, and every ``rescan_seconds``.

    Ends when ``stop`` is set. Survives the folder's absence and its replacement. To watch a folder
    of thousands takes a while, and a file system may hang, so that is done in a thread.

    Args:
        folder: The models folder.
        rescan_seconds: How long is waited for an event at most.
        force_polling: Whether to wait for no events, and to yield more often instead.
        stop: Ends the wait.
    """
    loop, threads = asyncio.get_running_loop(), ThreadPool(1, thread_name_prefix="watch")
    polls = force_polling or not Inotify.is_supported
    try:
        with _FolderEvents(folder, rescan_seconds) as events:
            has_changed = True
            while not stop.is_set():
                if polls:
                    seconds = _polling_seconds(rescan_seconds)
                else:
                    try:
                        seconds = await loop.run_in_executor(threads, events.renew, has_changed)
                    except NoThreadError as error:
                        events.complain(str(error))
                        seconds = rescan_seconds
                yield
                has_changed = await events.wait(stop, seconds)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class _FolderEvents:
    """Waits for events of one folder, whatever stands there.

    Args:
        folder: The folder.
        rescan_seconds: How long is waited for an event at most.
    """

    def __init__(self, folder: ModelsFolder, rescan_seconds: float) -> None:
        self._folder = folder
        self._rescan_seconds = rescan_seconds
        self._identity: tuple[int, int] | None = None
        self._resources = contextlib.ExitStack()
        self._inotify: Inotify | None = None
        self._has_complained = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def renew(self, has_changed: bool) -> float:  # noqa: FBT001 - called through an executor
        """Watch what stands there now; blocks.

        Args:
            has_changed: Whether there were events since the last time.

        Returns:
            How many seconds to wait for an event at most.
        """
        identity = _identity(self._folder.path)
        if identity is None:  # it does not exist yet, or no more; the scan has said so
            self._identity = None
            return min(self._rescan_seconds, _ABSENT_SECONDS)
        if has_changed or identity != self._identity:
            self._identity = None  # until all of it is watched
            try:
                if self._inotify is None:
                    self._inotify = self._resources.enter_context(Inotify())
                self._inotify.watch(self._folder.watched())
            except OSError as error:  # of any kind: the periodic scan goes on
                self.complain(error.strerror or str(error))
            else:
                self._identity = identity
                self._has_complained = False
        return self._rescan_seconds

    async def wait(self, stop: asyncio.Event, seconds: float) -> bool:
        """Wait for events until ``stop`` is set, and gather them; return whether there were any."""
        loop, inotify = asyncio.get_running_loop(), self._inotify
        awaited, has_changed = asyncio.Event(), False

        def note() -> None:
            nonlocal has_changed
            has_changed = True
            awaited.set()

        stopping = asyncio.ensure_future(stop.wait())
        stopping.add_done_callback(lambda _: awaited.set())
        if inotify is not None:
            loop.add_reader(inotify, note)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(awaited.wait(), seconds)
        finally:
            stopping.cancel()
            if inotify is not None:
                loop.remove_reader(inotify)
        if has_changed and inotify is not None:
            await asyncio.sleep(_GATHER_SECONDS)
            inotify.drain()
        return has_changed

    def complain(self, reason: str) -> None:
        """Log once why the folder cannot be watched."""
        if self._has_complained:
            return
        self._has_complained = True
        logger.warning(
            "%s cannot be watched (%s): it is scanned every %g s until it can be",
            self._folder.path,
            reason,
            self._rescan_seconds,
            extra=fields("folder-unwatched", folder=str(self._folder.path), reason=reason),
        )


def _polling_seconds(rescan_seconds: float) -> float:
    return min(rescan_seconds, max(0.05, min(0.3, rescan_seconds * 0.2)))


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
