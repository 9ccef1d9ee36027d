"""Which versions of a model are loaded; :mod:`.active_version` says which one answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from inference.repository.entry import Entry
    from inference.repository.operator_state import State


def choose_versions(
    entries: Mapping[int, Entry], *, chosen: Collection[int | None], keep: int
) -> set[int]:
    """Choose the versions to be loaded: the highest good ones, and the chosen ones.

    Args:
        entries: Every version of the model.
        chosen: Versions that are pinned, selected, requested, or part of the traffic.
        keep: How many of the highest good ones stay loaded (``INFERENCE_KEEP_VERSIONS``).
    """
    wanted = {version for version in chosen if version in entries}
    kept = 0
    for version in sorted(entries, reverse=True):
        if kept == keep:
            break
        entry = entries[version]
        wanted.add(version)
        if entry.servable is not None or not entry.is_judged:
            kept += 1
    return {version for version in wanted if version is not None}


def choices_of(state: State) -> set[tuple[str, int | None, str]]:
    """Return the operator's choices, each with its model first."""
    choices: set[tuple[str, int | None, str]] = {(n, v, "pin") for n, v in state.pins.items()}
    choices |= {(n, v, "traffic") for n, t in state.traffic.items() for v in t.versions}
    choices |= {(name, None, "unload") for name in state.unloaded}
    if state.selection is not None:
        choices.add((state.selection.model, state.selection.version, "selection"))
    return choices
