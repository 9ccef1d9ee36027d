"""Watch the models folder: report that it should be scanned, not what has changed.

Events are a hint, the scan is the truth. Where events do not come (NFS, Docker Desktop), where the
folder is missing, or where it was replaced by another one (a remount), the periodic tick still
does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from watchfiles import watch

from inference.logs import fields

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

_DEBOUNCE_MS = 50
_STEP_MS = 10
_ABSENT_SECONDS = 0.5  # how often it is looked whether an absent folder has come


async def ticks(
    folder: Path, *, rescan_seconds: float, force_polling: bool, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Yield whenever the folder is worth a scan: after events, and every ``rescan_seconds``.

    Ends when ``stop`` is set. Survives the folder's absence and its replacement. To watch a folder
    of thousands takes a second, and a file system may hang, so all of it is done in a thread.
    """
    loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="watch")
    ended, complained = threading.Event(), False
    try:
        while not stop.is_set():
            if await loop.run_in_executor(threads, _identity, folder) is None:
                # It does not exist yet, or no more; the scan has said so.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), min(rescan_seconds, _ABSENT_SECONDS))
                yield
                continue
            changes = _Changes(
                folder,
                rescan_seconds,
                force_polling=force_polling,
                is_set=lambda: stop.is_set() or ended.is_set(),
            )
            try:
                while await loop.run_in_executor(threads, changes.wait):
                    yield
            except Exception as error:  # noqa: BLE001 - whatever it is, the periodic scan goes on
                if not complained:
                    reason = _reason(error)
                    logger.warning(
                        "%s cannot be watched (%s): it is scanned every %g s until it can be",
                        folder,
                        reason,
                        rescan_seconds,
                        extra=fields("folder-unwatched", folder=str(folder), reason=reason),
                    )
                complained = True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), rescan_seconds)
                yield
            else:
                complained = False
                yield
    finally:
        ended.set()
        threads.shutdown(wait=False, cancel_futures=True)


class _Changes:
    """Waits for changes of one folder, in a thread.

    Args:
        folder: The folder.
        rescan_seconds: How long is waited at most.
        force_polling: Whether to poll.
        is_set: Tells whether to wait no longer.
    """

    def __init__(
        self,
        folder: Path,
        rescan_seconds: float,
        *,
        force_polling: bool,
        is_set: Callable[[], bool],
    ) -> None:
        self.is_set = is_set
        self._folder = folder
        self._identity: tuple[int, int] | None = None
        self._events = watch(
            folder,
            watch_filter=None,
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
            rust_timeout=int(rescan_seconds * 1000),
            yield_on_timeout=True,
            stop_event=self,
            raise_interrupt=False,
            force_polling=force_polling or None,
            poll_delay_ms=_polling_delay_ms(rescan_seconds),
            ignore_permission_denied=True,
        )

    def wait(self) -> bool:
        """Wait for a change; false when another folder stands there now, or at the end."""
        self._identity = self._identity or _identity(self._folder)
        is_news = next(self._events, None) is not None
        return is_news and _identity(self._folder) == self._identity


def _reason(error: Exception) -> str:
    """Return why watchfiles has failed, without the paths in Rust syntax."""
    return re.sub(r" \(os error \d+\)| about \[.*\]$", "", str(error)) or type(error).__name__


def _polling_delay_ms(rescan_seconds: float) -> int:
    return max(50, min(300, int(rescan_seconds * 200)))


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
