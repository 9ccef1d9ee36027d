"""What became of an attempt to load an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from inference.admission.report import Report
    from inference.model.servable import Servable


class Admitted(msgspec.Struct, frozen=True):
    """It answers from now on.

    Attributes:
        servable: The loaded version; the one that was live if the content is the same.
        report: What its examination found; ``None`` if the content is the same.
    """

    servable: Servable
    report: Report | None = None


class Refused(msgspec.Struct, frozen=True):
    """Its examination refused it."""

    report: Report


class LoadFailed(msgspec.Struct, frozen=True):
    """Its examination admitted it, but this process could not load it."""

    reason: str


class PutOff(msgspec.Struct, frozen=True):
    """The machine lacks something for now; tried again after so many seconds."""

    reason: str
    seconds: float


class MadeWay(msgspec.Struct, frozen=True):
    """Its examination takes long, and has made way for others."""


class Superseded(msgspec.Struct, frozen=True):
    """Newer versions came while it waited; it is no longer wanted."""


class Vanished(msgspec.Struct, frozen=True):
    """The file is gone; the next scan sees that."""


class Changed(msgspec.Struct, frozen=True):
    """The file changed meanwhile; the next scan sees the new one."""


Outcome = Admitted | Refused | LoadFailed | PutOff | MadeWay | Superseded | Vanished | Changed
