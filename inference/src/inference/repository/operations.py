"""Load and unload a model, on the operator's request.

Both write the state file, so they apply to every worker and survive a restart. Both return once
this worker has applied them.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from inference.errors import ConflictError, NotFoundError, NotReadyError

if TYPE_CHECKING:
    from inference.repository.operator_state import State, StateFile
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot

_LOAD_SECONDS = 60


async def load_model(repository: Repository, state_file: StateFile, name: str) -> None:
    """Load a model, and wait until it answers.

    The folder is scanned first, so that a file that was placed just before is found.

    Raises:
        NotFoundError: No such model.
        ConflictError: It was refused; the message says why. In the state file it stays loaded, so
            that a corrected file is served as soon as it is there.
        NotReadyError: It did not answer in time.
        StateError: The state cannot be written.
    """
    try:
        async with asyncio.timeout(_LOAD_SECONDS):
            await repository.rescan()
            repository.current().model(name)
            if name in repository.state.unloaded:
                await state_file.change(lambda state: _without(state, name))
            snapshot = await repository.wait_until(lambda snapshot: _is_decided(snapshot, name))
    except TimeoutError:
        raise NotReadyError(
            f"model '{name}' was not loaded within {_LOAD_SECONDS} seconds; try again"
        ) from None
    model = snapshot.model(name)
    if model.active is None:
        raise ConflictError(f"model '{name}' cannot be loaded: {model.reason}")


async def unload_model(repository: Repository, state_file: StateFile, name: str) -> None:
    """Unload a model; requests that have begun are still answered.

    Raises:
        NotFoundError: No such model.
        StateError: The state cannot be written.
    """
    repository.current().model(name)
    await state_file.change(lambda state: _with(state, name))
    repository.current()


def _without(state: State, name: str) -> State:
    return msgspec.structs.replace(state, unloaded=[n for n in state.unloaded if n != name])


def _with(state: State, name: str) -> State:
    return msgspec.structs.replace(state, unloaded=sorted({*state.unloaded, name}))


def _is_decided(snapshot: Snapshot, name: str) -> bool:
    """Whether the state of a model is final until a file or a choice changes."""
    with contextlib.suppress(NotFoundError):
        model = snapshot.model(name)
        states = [version.state for version in model.versions.values()]
        if "loading" in states:
            return False
        return model.active is not None or model.unloaded or model.state != "loading"
    return True
