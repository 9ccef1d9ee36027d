"""Whether traffic may be sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from inference.repository.repository import Repository

State = Literal["starting", "unavailable", "ready", "stopping"]


class Readiness:
    """Knows whether the service is ready.

    Args:
        repository: What has to be there.
        only: The model without which the service is of no use; ``None`` where there may be many.

    Attributes:
        is_stopping: Whether a shutdown has begun; set by who shuts down.
    """

    def __init__(self, repository: Repository, *, only: str | None = None) -> None:
        self._repository = repository
        self._only = only
        self.is_stopping = False

    @property
    def state(self) -> State:
        """``ready`` from the first scan's end to the beginning of the shutdown.

        With an only model, ``unavailable`` while it does not answer.
        """
        if self.is_stopping:
            return "stopping"
        snapshot = self._repository.current()
        if not snapshot.complete:
            return "starting"
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
            case _:
                return "the models found at the start are still being examined"

    def _why_unavailable(self) -> str:
        model = self._repository.current().models.get(self._only or "")
        if model is None:
            return f"there is no file of model '{self._only}': GET /models says what was found"
        return f"model '{self._only}' does not answer: {model.reason or model.state}"
