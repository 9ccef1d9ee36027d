"""Which version of a model is active: it answers when a request names no version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.snapshot import Version


def find_active(versions: dict[int, Version], pinned: int | None) -> Servable | None:
    """Return what answers for a model: the pinned version, otherwise the highest that is ready.

    A pin is a promise: while the pinned version is not ready, no other one replaces it.

    Args:
        versions: All versions of the model, in ascending order.
        pinned: The version that the operator has pinned, if any.

    Returns:
        The servable; ``None`` if no version may answer.
    """
    if pinned is not None:
        return versions[pinned].servable if pinned in versions else None
    servables = (version.servable for version in reversed(versions.values()))
    return next((servable for servable in servables if servable is not None), None)
