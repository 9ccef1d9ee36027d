"""An entry: the state of one version of a model, and its transitions.

Only an entry changes itself. The reconciler reports what lies in the folder, the loader returns an
outcome, and the entry turns both into its next state.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Literal

from inference.repository.outcome import (
    Admitted,
    Changed,
    LoadFailed,
    MadeWay,
    PutOff,
    Refused,
    Superseded,
    Vanished,
)
from inference.repository.snapshot import Version

if TYPE_CHECKING:
    from inference.admission.files.contents import Fingerprint
    from inference.admission.report import Report
    from inference.model.servable import Servable
    from inference.repository.folder.scan import Candidate
    from inference.repository.outcome import Outcome

Stage = Literal["idle", "loading", "ready", "quarantined"]
# What others should report: another content answers, or the file was refused.
Change = Literal["", "live", "replaced", "quarantined"]

# Seconds until an examination that was cut short is repeated; after the last, the file is at fault.
RETRY_SECONDS = (30.0, 120.0, 600.0)
_GRACE_SECONDS = 2.0  # a file that is refused this soon after a write may still be growing
_CHANGED = "it changes while it is read, or its file system describes open files otherwise"
_REASON_LENGTH = 500  # a reason may quote the file


class Entry:
    """One version of a model.

    Args:
        candidate: The artifact on disk.
    """

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._stage: Stage = "idle"
        self._reason = ""
        self._servable: Servable | None = None  # may stem from the content that was there before
        self._report: Report | None = None
        self._due = 0.0  # on the monotonic clock; infinite until the next scan
        self._retry_at = math.inf
        self._tries = 0  # how often this content was quarantined
        self._was_begun = self._is_examining = self._is_changing = False
        self._begun: Candidate | None = None  # the one that is being loaded
        # The contents of which these hold; another content on disk is a new one.
        self._judged: Fingerprint | None = None
        self._screened: Fingerprint | None = None
        self._long: Fingerprint | None = None
        self._changed: Fingerprint | None = None

    @property
    def candidate(self) -> Candidate:
        """The artifact on disk, as last seen."""
        return self._candidate

    @property
    def servable(self) -> Servable | None:
        """What answers; may stem from the content that was on disk before."""
        return self._servable

    @property
    def reason(self) -> str:
        """Why the file was quarantined, or what delays it."""
        return self._reason

    @property
    def is_loading(self) -> bool:
        """Whether the file is to be loaded, unless it has changed since it was found."""
        return self._stage == "loading" and not self._is_changing

    @property
    def is_examining(self) -> bool:
        """Whether a load waits for an examination."""
        return self._is_examining

    @property
    def is_quarantined(self) -> bool:
        """Whether the file was refused."""
        return self._stage == "quarantined"

    @property
    def is_judged(self) -> bool:
        """Whether the content now on disk is live, or quarantined until a later retry."""
        if not self._is_known(self._judged):
            return False
        if self._stage == "quarantined":
            return time.monotonic() < self._retry_at
        return self._servable is not None

    @property
    def is_begun(self) -> bool:
        """Whether a load is under way."""
        return self._begun is not None

    @property
    def was_begun(self) -> bool:
        """Whether a load was begun before."""
        return self._was_begun

    @property
    def is_screened(self) -> bool:
        """Whether the outline of the content now on disk was found to be a model's."""
        return self._is_known(self._screened)

    @property
    def is_long(self) -> bool:
        """Whether the examination of the content now on disk has made way for others."""
        return self._is_known(self._long)

    @property
    def due(self) -> float:
        """When a load may begin, on the monotonic clock; infinite until the next scan."""
        return self._due

    @property
    def needs_scan(self) -> bool:
        """Whether only another scan leads further."""
        return self._due == math.inf

    @property
    def retry_at(self) -> float:
        """When a quarantined file is examined again, on the monotonic clock."""
        return self._retry_at

    def _is_known(self, content: Fingerprint | None) -> bool:
        return content == self._candidate.fingerprint

    def replace(self, candidate: Candidate, settle_seconds: float) -> None:
        """Note a new artifact on disk, which may be loaded once it has settled."""
        self._is_changing = candidate is not self._candidate
        self._candidate = candidate
        self._due = time.monotonic() + settle_seconds
        if self._stage == "quarantined":
            self._stage = "idle"

    def recheck(self) -> None:
        """Note a scan: what waited for one is due."""
        if self._due == math.inf:
            self._due = 0.0

    def reconsider(self) -> None:
        """Judge a refused file anew."""
        if self._stage == "quarantined":
            self._judged = None

    def request(self) -> bool:
        """Ask for a load; return whether it may begin now, otherwise not before ``due``."""
        is_due = self._due <= time.monotonic()
        is_new = not self._is_known(self._judged)
        if is_new and (is_due or self._stage != "quarantined"):
            self._stage = "loading"
        return is_due

    def pass_screening(self) -> None:
        """Note that the outline of the file is a model's."""
        self._screened = self._candidate.fingerprint

    def begin(self) -> Candidate:
        """Begin a load of the artifact now on disk, and return that."""
        self._begun, self._was_begun, self._is_changing = self._candidate, True, False
        return self._candidate

    def examine(self) -> None:
        """Note that the load waits for an examination."""
        self._is_examining = True

    def finish(self, outcome: Outcome, settle_seconds: float) -> Change:
        """End the load that was begun.

        Args:
            outcome: What became of it.
            settle_seconds: How long the artifact now on disk has to stay unchanged, if a scan has
                seen another one than was loaded.

        Returns:
            What others should report.
        """
        begun, self._begun, self._is_examining = self._begun, None, False
        if begun is None:
            raise RuntimeError("no load was begun")
        change = self._apply(outcome, begun)
        if begun is not self._candidate:
            self._due = time.monotonic() + settle_seconds
        return change

    def refuse(self, report: Report, candidate: Candidate) -> Change:
        """Quarantine an artifact, or have it tried again if it may still be being written.

        Args:
            report: Why.
            candidate: The artifact that was looked at.
        """
        if self._servable is None:
            self._report = report
        age_seconds = time.time() - candidate.fingerprint.modified_ns / 1e9
        if 0 <= age_seconds < _GRACE_SECONDS:
            self._reason = f"it may still be being written: {report.reason}"
            self._due = time.monotonic() + _GRACE_SECONDS - age_seconds
            return ""
        return self._quarantine(report.reason, candidate, may_pass=report.was_cut_short)

    def release(self) -> None:
        """Let the servable go; what is known of a quarantined file stays known."""
        self._servable = None
        if self._stage != "quarantined":
            self._stage = "idle"
            self._judged = None

    def _apply(self, outcome: Outcome, begun: Candidate) -> Change:
        match outcome:
            case Admitted():
                return self._admit(outcome, begun)
            case Refused():
                return self.refuse(outcome.report, begun)
            case LoadFailed():
                return self._quarantine(outcome.reason, begun, may_pass=True)
            case PutOff():
                change = self._quarantine(outcome.reason, begun)
                self._judged = None  # the machine is at fault, so nothing is known of the file
                self._due = time.monotonic() + outcome.seconds
                return change
            case MadeWay():
                self._long = begun.fingerprint
            case Superseded():
                self._set_back()
            case Vanished():
                self._set_back()
                self._due = math.inf  # the next scan notices
            case Changed() if self._changed == begun.fingerprint:  # no scan sees anything else
                self._reason, self._is_changing = _CHANGED, True
                self._due = time.monotonic() + _GRACE_SECONDS
            case Changed():
                self._due, self._changed = math.inf, begun.fingerprint
        return ""

    def _admit(self, admitted: Admitted, begun: Candidate) -> Change:
        before, self._servable = self._servable, admitted.servable
        self._stage, self._reason, self._judged = "ready", "", begun.fingerprint
        self._report = admitted.report or self._report
        if before is admitted.servable:
            return ""
        return "replaced" if before else "live"

    def _quarantine(self, reason: str, candidate: Candidate, *, may_pass: bool = False) -> Change:
        """Refuse a content; if the cause ``may_pass``, the first times only for a while."""
        reason = reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}..."
        is_same = self._judged == candidate.fingerprint
        self._tries = self._tries + 1 if is_same else 1
        self._stage, self._judged = "quarantined", candidate.fingerprint
        self._retry_at = math.inf
        if may_pass and self._tries <= len(RETRY_SECONDS):
            seconds = RETRY_SECONDS[self._tries - 1]
            self._retry_at = time.monotonic() + seconds
            reason = f"{reason}; it is examined again in {seconds:g} s"
        self._reason = reason
        return "quarantined"

    def _set_back(self) -> None:
        self._stage = "idle" if self._servable is None else "ready"

    def view(self, *, unloaded: bool) -> Version:
        """Return what a snapshot shows.

        Args:
            unloaded: Whether the operator has unloaded the model.
        """
        refused = self._stage == "quarantined"
        number = self._candidate.version
        if unloaded:
            return Version(number, "unloaded", "the model was unloaded", quarantined=refused)
        if self._servable is not None:
            reason = (
                f"the file now on disk was refused ({self._reason}); "
                "the version admitted before stays active"
            )
            return Version(
                number, "ready", reason if refused else "", self._servable, self._report, refused
            )
        if refused:
            return Version(number, "quarantined", self._reason, None, self._report, refused)
        if self._stage == "loading":
            return Version(number, "loading", self._reason)
        return Version(number, "unloaded", "it is on disk only: newer versions are kept loaded")
