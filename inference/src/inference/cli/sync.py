"""``inference sync``: copy models from an object store into a folder."""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inference.cli.exit_status import OK, REFUSED
from inference.errors import SettingError
from inference.settings import InvalidSettingsError, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from inference.storage.loop import SyncLoop


def sync_models(url: str, folder: Path, *, once: bool) -> int:
    """Copy models until a stop signal arrives, or once.

    Args:
        url: The store.
        folder: The models folder.
        once: Whether to end after one pass.

    Returns:
        The exit status: 1 if a single pass has failed in whole or in part.

    Raises:
        SettingError: The URL is wrong, or the extra is missing.
    """
    if find_spec("obstore") is None:
        raise SettingError("sync requires the extra inference[storage]")
    try:
        given = Settings(models_url=url, models_dir=folder, model_name=None)
    except InvalidSettingsError as error:
        raise SettingError(str(error)) from None
    # Imported late, see command.py.
    from inference.process.log_setup import configure_log  # noqa: PLC0415
    from inference.process.model_sync import make_loop  # noqa: PLC0415

    configure_log(given)
    loop = make_loop(given)
    return asyncio.run(_copy_once(loop) if once else _copy(loop))


async def _copy_once(loop: SyncLoop) -> int:
    done = await loop.run_once()
    for failure in done.failures:
        sys.stderr.write(f"inference: {failure}\n")
    sys.stdout.write(f"{len(done.copied)} versions copied, {len(done.removed)} removed\n")
    return REFUSED if done.failures else OK


async def _copy(loop: SyncLoop) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await loop.run(stop)
    return OK
