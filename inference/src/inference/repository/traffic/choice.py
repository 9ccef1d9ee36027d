"""What the operator has chosen for the traffic of a model; part of the state file."""

from __future__ import annotations

from typing import Literal

import msgspec


class Shadow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version that answers the same rows unseen.

    Attributes:
        version: The version.
        percent: The share of the requests that it gets.
    """

    version: int
    percent: float = 100.0


class Gates(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must hold for the new version to be promoted; a gate that is ``None`` always holds.

    Attributes:
        after_rows: Rows of the new version after which the gates are decided.
        max_disagreement: Largest share of rows that a shadow answers with another label. Of values,
            the largest mean difference in proportion to the mean of the answers. A row that it
            fails differs altogether.
        max_p99_ratio: Largest p99 of the new version, divided by that of the old one.
        max_error_rate: Largest share of requests that the new version fails.
    """

    after_rows: int
    max_disagreement: float | None = None
    max_p99_ratio: float | None = None
    max_error_rate: float | None = None


class Traffic(msgspec.Struct, frozen=True, omit_defaults=True):
    """The traffic of one model.

    Attributes:
        id: Differs for every change, so that what was counted before does not count.
        split: Percent of the requests by version; empty if one version answers all of them.
        shadow: The version that answers unseen.
        sticky: The header, in lower case, whose value decides the version of a request.
        promote: The gates of the new version: the shadow, or else the highest of the split.
    """

    id: str
    split: dict[int, float] = {}
    shadow: Shadow | None = None
    sticky: str | None = None
    promote: Gates | None = None

    @property
    def versions(self) -> list[int]:
        """The versions that must be loaded, ascending."""
        return sorted({*self.split, *([self.shadow.version] if self.shadow else ())})

    @property
    def new_version(self) -> int:
        """The version that may be promoted: the shadow, or else the highest of the split."""
        return self.shadow.version if self.shadow is not None else max(self.split)

    def describe(self) -> str:
        """Return the text for the log, such as ``version 3 90 %, version 4 10 %``."""
        parts = [f"version {version} {share:g} %" for version, share in sorted(self.split.items())]
        if self.shadow is not None:
            share = f" of {self.shadow.percent:g} %" if self.shadow.percent < 100 else ""
            parts.append(f"version {self.shadow.version} as shadow{share}")
        return ", ".join(parts)


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the last rollout of a model has ended by itself.

    Attributes:
        outcome: Whether the new version was promoted.
        version: The new version.
        pinned_version: The version that was pinned: the new one, or the old one.
        rows: Rows of the new version until then.
        time: When, in seconds since the epoch.
        gate: The gate that was broken; ``None`` if all held.
        value: What was measured for it.
        limit: What it permits.
    """

    outcome: Literal["promoted", "rolled_back"]
    version: int
    pinned_version: int
    rows: int
    time: float
    gate: str | None = None
    value: float | None = None
    limit: float | None = None

    def describe(self) -> str:
        """Return the text for the log."""
        return f"version {self.version} {self.outcome.replace('_', ' ')}"
