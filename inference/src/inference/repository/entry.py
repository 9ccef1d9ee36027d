"""A slot: what is known of one version of a model while it is brought up and served."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from inference.repository.snapshot import Version

if TYPE_CHECKING:
    import asyncio

    from inference.admission.files.contents import Fingerprint
    from inference.admission.report import Report
    from inference.model.servable import Servable
    from inference.repository.folder.scan import Candidate

Stage = Literal["idle", "loading", "ready", "quarantined"]

# When a file is examined again whose examination was cut short: the machine may have been busy. A
# file that is at fault itself is given up after these.
RETRY_SECONDS = (30.0, 120.0, 600.0)
_REASON_LENGTH = 500  # a reason may quote the file


@dataclass(slots=True)
class Slot:
    """One version of a model.

    Attributes:
        candidate: The artifact on disk as last seen.
        stage: How far that artifact has come.
        judged: The content that ``stage`` speaks of; when the file on disk is another, it is new.
        reason: Why it was quarantined, or what keeps it loading.
        tries: How often that content was quarantined.
        retry_at: When it is examined again, on the monotonic clock.
        servable: What answers; may stem from the content that was there before.
        report: What the examination of that content found.
        task: The one that brings it up now.
        examining: Whether that task waits for an examination.
        made_way: The content whose examination takes long and has made way for others.
        screened: The content that may be a model by its outline.
        attempts: How often it has been begun to bring it up.
        due: Before when it is not brought up, on the monotonic clock; infinite until the next scan.
    """

    candidate: Candidate
    stage: Stage = "idle"
    judged: Fingerprint | None = None
    reason: str = ""
    tries: int = 0
    retry_at: float = math.inf
    servable: Servable | None = None
    report: Report | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    examining: bool = False
    made_way: Fingerprint | None = None
    screened: Fingerprint | None = None
    attempts: int = 0
    due: float = 0.0

    @property
    def is_judged(self) -> bool:
        """Whether the content now on disk is live or quarantined."""
        settled = self.stage == "quarantined" or self.servable is not None
        known = settled and self.judged == self.candidate.fingerprint
        return known and (self.stage != "quarantined" or time.monotonic() < self.retry_at)

    def quarantine(self, reason: str, *, by_chance: bool = False) -> None:
        """Refuse the content now on disk.

        Args:
            reason: Why.
            by_chance: Whether it may be another time's or another machine's fault, not the file's.
        """
        reason = reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}..."
        same = self.judged == self.candidate.fingerprint
        self.tries = self.tries + 1 if same else 1
        self.stage, self.judged = "quarantined", self.candidate.fingerprint
        self.retry_at = math.inf
        if by_chance and self.tries <= len(RETRY_SECONDS):
            wait = RETRY_SECONDS[self.tries - 1]
            self.retry_at = time.monotonic() + wait
            reason = f"{reason}; it is examined again in {wait:g} s"
        self.reason = reason

    def reconsider(self) -> None:
        """Judge a refused file anew."""
        if self.stage == "quarantined":
            self.judged = None

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
