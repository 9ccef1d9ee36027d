"""Watch the models folder: says "look again", never what has changed.

Events are a hint, the scan is the truth. Where events do not come (NFS, Docker Desktop), where the
folder is missing, or where it was replaced by another one (a remount), the periodic tick still
does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from watchfiles import awatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

logger = logging.getLogger(__name__)

_DEBOUNCE_MS = 50
_STEP_MS = 10


async def ticks(
    folder: Path, *, rescan_seconds: float, force_polling: bool, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Yield whenever the folder is worth a scan: after events, and every ``rescan_seconds``.

    Ends when ``stop`` is set. Survives the folder's absence and its replacement.
    """
    complained = False
    while not stop.is_set():
        identity = await asyncio.to_thread(_identity, folder)  # a file system may hang
        try:
            async for _ in awatch(
                folder,
                watch_filter=None,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                rust_timeout=int(rescan_seconds * 1000),
                yield_on_timeout=True,
                stop_event=stop,
                force_polling=force_polling or None,
                poll_delay_ms=_polling_delay_ms(rescan_seconds),
                ignore_permission_denied=True,
            ):
                yield
                if await asyncio.to_thread(_identity, folder) != identity:
                    break  # another folder stands there now; its events need a new watch
        except Exception as error:  # noqa: BLE001 - whatever it is, the periodic scan goes on
            if not complained:
                logger.warning(
                    "%s cannot be watched (%s): it is scanned every %g s until it can be",
                    folder,
                    _first(error),
                    rescan_seconds,
                )
            complained = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), rescan_seconds)
            yield
        else:
            complained = False


def _first(error: BaseException) -> BaseException:
    """Unwrap what watchfiles' task group wraps: a name that is no text, too few watches, ..."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _polling_delay_ms(rescan_seconds: float) -> int:
    return max(50, min(300, int(rescan_seconds * 200)))


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
