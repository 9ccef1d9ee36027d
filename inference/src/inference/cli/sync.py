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
        SettingError: The URL is wrong, the extra is missing, or the folder cannot be written.
    """
    if find_spec("obstore") is None:
        raise SettingError("sync requires the extra inference[storage]")
    try:
        given = Settings(models_url=url, models_dir=folder, model_name=None)
    except InvalidSettingsError as error:
        raise SettingError(str(error)) from None
    from inference.process.log_setup import configure_log  # noqa: PLC0415 - see command.py

    configure_log(given)
    return asyncio.run(_copy_once(given) if once else _copy(given))


async def _copy_once(settings: Settings) -> int:
    done = await _make_loop(settings).run_once()
    for failure in done.failures:
        sys.stderr.write(f"inference: {failure}\n")
    sys.stdout.write(f"{len(done.copied)} versions copied, {len(done.removed)} removed\n")
    return REFUSED if done.failures else OK


async def _copy(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await _make_loop(settings).run(stop)
    return OK


def _make_loop(settings: Settings) -> SyncLoop:
    from inference.process.model_sync import make_loop  # noqa: PLC0415

    try:
        return make_loop(settings)
    except OSError as error:
        reason = error.strerror or error
        raise SettingError(f"{settings.models_dir} cannot be written: {reason}") from None
