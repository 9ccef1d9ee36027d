"""Which version of a model is active: it answers when a request names no version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.snapshot import Version
    from inference.repository.traffic.choice import Traffic
    from inference.repository.traffic.split import Split

_SOON = ("loading", "unloaded")


def find_active(
    versions: dict[int, Version],
    pinned: int | None,
    split: Split | None = None,
    traffic: Traffic | None = None,
) -> Servable | None:
    """Return what answers for a model: of a split the version with the largest share.

    Without a split it is the pinned version, otherwise the highest that is ready. A pin is a
    promise: while the pinned version is not ready, no other one replaces it. A split is none: when
    all of its versions are gone, the model answers as without it.

    Args:
        versions: All versions of the model, in ascending order.
        pinned: The version that the operator has pinned, if any.
        split: What shares the requests.
        traffic: The operator's choice that the split follows from.

    Returns:
        The servable; ``None`` if no version may answer.
    """
    if split is not None:
        return split.main
    if traffic is not None and any(
        version in versions and versions[version].state in _SOON for version in traffic.split
    ):
        return None  # such as after a start: no other version answers in the meantime
    if pinned is not None:
        return versions[pinned].servable if pinned in versions else None
    servables = (version.servable for version in reversed(versions.values()))
    return next((servable for servable in servables if servable is not None), None)
