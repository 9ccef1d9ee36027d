"""Which versions of a model are to be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from inference.repository.entry import Slot
    from inference.repository.operator_state import State


def choose_versions(
    slots: Mapping[int, Slot], *, chosen: Collection[int | None], keep: int
) -> set[int]:
    """Choose the versions to be loaded: the highest good ones, and those that somebody chose.

    Args:
        slots: Every version of the model.
        chosen: Versions that are pinned, selected or asked for.
        keep: How many of the highest good ones there are to be.
    """
    wanted = {version for version in chosen if version in slots}
    kept = 0
    for version in sorted(slots, reverse=True):
        if kept == keep:
            break
        slot = slots[version]
        wanted.add(version)
        if slot.servable is not None or not slot.is_judged:
            kept += 1
    return {version for version in wanted if version is not None}


def choices_of(state: State) -> set[tuple[str, int | None, str]]:
    """List the operator's choices, each with its model first."""
    choices: set[tuple[str, int | None, str]] = {(n, v, "pin") for n, v in state.pins.items()}
    choices |= {(name, None, "unload") for name in state.unloaded}
    if state.selection is not None:
        choices.add((state.selection.model, state.selection.version, "selection"))
    return choices
