"""Whether traffic may be sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from inference.repository.repository import Repository

State = Literal["starting", "ready", "stopping"]


class Readiness:
    """Knows whether the service is ready.

    Args:
        repository: What has to be there.

    Attributes:
        is_stopping: Whether a shutdown has begun; set by who shuts down.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.is_stopping = False

    @property
    def state(self) -> State:
        """``ready`` from the first scan's end to the beginning of the shutdown."""
        if self.is_stopping:
            return "stopping"
        return "ready" if self._repository.current().complete else "starting"

    @property
    def reason(self) -> str:
        """Why it is not ready."""
        if self.is_stopping:
            return "the service is stopping"
        return "the models found at the start are still being examined"
