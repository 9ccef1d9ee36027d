"""A slot: what is known of one version of a model while it is brought up and served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from inference.repository.snapshot import Version

if TYPE_CHECKING:
    import asyncio

    from inference.model.servable import Servable
    from inference.repository.layout import Candidate, Fingerprint
    from inference.repository.report import Report

Stage = Literal["idle", "loading", "ready", "quarantined"]


@dataclass(slots=True)
class Slot:
    """One version of a model.

    Attributes:
        candidate: The artefact on disk as last seen.
        stage: How far that artefact has come.
        judged: The content that ``stage`` speaks of; when the file on disk is another, it is new.
        reason: Why it was quarantined, or what keeps it loading.
        servable: What answers; may stem from the content that was there before.
        report: What the examination of that content found.
        task: The one that brings it up now.
        examining: Whether that task waits for an examination.
    """

    candidate: Candidate
    stage: Stage = "idle"
    judged: Fingerprint | None = None
    reason: str = ""
    servable: Servable | None = None
    report: Report | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    examining: bool = False

    @property
    def is_judged(self) -> bool:
        """Whether the content now on disk is live or quarantined."""
        settled = self.stage == "quarantined" or self.servable is not None
        return settled and self.judged == self.candidate.fingerprint

    def release(self) -> None:
        """Let the servable go; what is known of a quarantined file stays known."""
        self.servable = None
        if self.stage != "quarantined":
            self.stage = "idle"
            self.judged = None

    def view(self, *, unloaded: bool) -> Version:
        """Describe it for a snapshot.

        Args:
            unloaded: Whether the operator has unloaded the model.
        """
        refused = self.stage == "quarantined"
        number = self.candidate.version
        if unloaded:
            return Version(number, "unloaded", "the model was unloaded", quarantined=refused)
        if self.servable is not None:
            reason = (
                f"the file now on disk was refused ({self.reason}); "
                "what was admitted before goes on serving"
            )
            return Version(
                number, "ready", reason if refused else "", self.servable, self.report, refused
            )
        if refused:
            return Version(number, "quarantined", self.reason, None, self.report, quarantined=True)
        if self.stage == "loading":
            return Version(number, "loading", self.reason)
        return Version(number, "unloaded", "it is on disk only: newer versions are kept loaded")
