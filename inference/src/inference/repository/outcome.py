"""What became of an attempt to load an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.admission.report import Report
    from inference.model.servable import Servable


@dataclass(frozen=True, slots=True)
class Admitted:
    """It answers from now on.

    Attributes:
        servable: The loaded version; the one that was live if the content is the same.
        report: What its examination found; ``None`` if the content is the same.
    """

    servable: Servable
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Its examination refused it."""

    report: Report


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """Its examination admitted it, but this process could not load it."""

    reason: str


@dataclass(frozen=True, slots=True)
class PutOff:
    """The machine lacks something for now; tried again after so many seconds."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MadeWay:
    """Its examination takes long, and has made way for others."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Newer versions came while it waited; it is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """The file is gone; the next scan sees that."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The file changed meanwhile; the next scan sees the new one."""


Outcome = Admitted | Refused | LoadFailed | PutOff | MadeWay | Superseded | Vanished | Changed
