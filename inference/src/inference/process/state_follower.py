"""Looks for newer states in the bucket, for all workers of this replica."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from inference.errors import StorageError
from inference.logs import fields
from inference.repository.replicated_state import ReplicatedState, StateAge, open_log

if TYPE_CHECKING:
    from inference.runtime.shared_memory import SharedMemory
    from inference.settings import Settings

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 10.0  # a request that takes longer is given up


async def follow_state(settings: Settings, memory: SharedMemory, stop: asyncio.Event) -> None:
    """Follow the state of ``settings.state_url`` until ``stop`` is set."""
    state = ReplicatedState(
        settings.state_dir,
        None,
        memory.array("changes"),
        only=settings.model_name,
        log=open_log(settings),
        follow_seconds=settings.state_seconds,
    )
    age, is_away = StateAge(memory.array("state-age")), False
    while not stop.is_set():
        reason = await _look(state)
        age.tried(found=not reason)
        if reason and not is_away:
            text = "the state of the bucket cannot be read: %s; the known one stays valid"
            logger.warning(text, reason, extra=fields("state-away", reason=reason))
        elif is_away and not reason:
            logger.info("the state of the bucket is read again", extra=fields("state-back"))
        is_away = bool(reason)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), settings.state_seconds)


async def _look(state: ReplicatedState) -> str:
    """Look once; return why it failed."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await state.follow()
    except TimeoutError:
        return f"no answer within {_LOOK_SECONDS:g} s"
    except StorageError as error:
        return str(error)
    except OSError as error:
        return f"the state folder cannot be written: {error.strerror or error}"
    return ""
