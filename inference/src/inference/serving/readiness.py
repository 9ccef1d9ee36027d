"""Whether traffic may be sent here."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from inference.repository.replicated_state import StateAge
    from inference.repository.repository import Repository
    from inference.repository.snapshot import Snapshot
    from inference.settings import Settings
    from inference.storage.status import SyncStatus

State = Literal["starting", "unavailable", "ready", "stopping"]

_LOOK_SECONDS = 0.1
_STALE_INTERVALS = 10


class Readiness:
    """Knows whether the service is ready.

    Args:
        repository: What has to be there.
        only: The model without which the service is of no use; ``None`` where there may be many.
        state_age: How old the state of the bucket is here; ``None`` without one.
        oldest_seconds: The age at which the service is unavailable.

    Attributes:
        is_stopping: Whether a shutdown has begun; set by who shuts down.
        is_synced: Whether the models of an object store were copied and examined, if there is one.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        only: str | None = None,
        state_age: StateAge | None = None,
        oldest_seconds: float = math.inf,
    ) -> None:
        self._repository = repository
        self._state_age = state_age
        self._oldest_seconds = oldest_seconds
        self._only = only
        self.is_stopping = False
        self.is_synced = True

    @property
    def state(self) -> State:
        """``ready`` from the first scan's end to the beginning of the shutdown.

        With an only model, ``unavailable`` while it does not answer.
        """
        if self.is_stopping:
            return "stopping"
        snapshot = self._repository.current()
        if not (self.is_synced and snapshot.complete and self._knows_state):
            return "starting"
        if self._is_stale:
            return "unavailable"
        if self._only is not None and self._only not in snapshot.ready_names:
            return "unavailable"
        return "ready"

    @property
    def reason(self) -> str:
        """Why it is not ready."""
        match self.state:
            case "stopping":
                return "the service is stopping"
            case "unavailable":
                return self._why_unavailable()
            case _ if not self.is_synced:
                return "the models are still being copied from the object store"
            case _:
                return "the models found at the start are still being examined"

    @property
    def _knows_state(self) -> bool:
        """Whether the state of the bucket was looked for once; it may be away."""
        return self._state_age is None or self._state_age.was_tried

    @property
    def _is_stale(self) -> bool:
        return self._state_age is not None and self._state_age.seconds > self._oldest_seconds

    def _why_unavailable(self) -> str:
        if self._is_stale:
            return "the state of the bucket cannot be read (INFERENCE_STATE_STRICT)"
        model = self._repository.current().models.get(self._only or "")
        if model is None:
            return f"there is no file of model '{self._only}': GET /models says what was found"
        return f"model '{self._only}' does not answer: {model.reason or model.state}"

    @contextlib.asynccontextmanager
    async def following(self, sync: SyncStatus) -> AsyncIterator[None]:
        """Be not ready until the models of the object store were copied and examined once.

        While the store is away, models that were copied before make the service ready.

        Args:
            sync: Where the copies stand.
        """
        self.is_synced = False
        task = asyncio.create_task(self._follow(sync))
        try:
            yield
        finally:
            task.cancel()

    async def _follow(self, sync: SyncStatus) -> None:
        while not (sync.state == "ok" or (sync.state == "away" and self._has_models())):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)  # another process notes the state
        await self._repository.rescan()
        await self._repository.wait_until(_is_settled)
        self.is_synced = True

    def _has_models(self) -> bool:
        return bool(self._repository.current().models)


def _is_settled(snapshot: Snapshot) -> bool:
    """Return whether every version that is wanted was examined and loaded, or refused."""
    versions = (v for model in snapshot.models.values() for v in model.versions.values())
    return all(version.state != "loading" for version in versions)


def make_readiness(
    settings: Settings, repository: Repository, state_age: StateAge | None
) -> Readiness:
    """Return the readiness of a service with these settings."""
    oldest = _STALE_INTERVALS * settings.state_seconds if settings.state_strict else math.inf
    return Readiness(
        repository, only=settings.model_name, state_age=state_age, oldest_seconds=oldest
    )
