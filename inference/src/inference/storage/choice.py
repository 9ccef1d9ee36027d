"""Which versions of a model are copied, and which copies are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class Choice(NamedTuple):
    """What to do with the versions of one model.

    Attributes:
        wanted: Versions in the store that are to be here, highest first.
        kept: Versions that are here and stay, also if the store no longer has them.
    """

    wanted: list[int]
    kept: set[int]


def choose_versions(
    remote: Collection[int],
    local: Collection[int],
    chosen: Collection[int],
    keep: int,
    *,
    verdict: Callable[[int], bool | None],
) -> Choice:
    """Choose as the service does, and drop no version before its successors are proved.

    Args:
        remote: Versions in the store.
        local: Versions that are here.
        chosen: Versions that are pinned, selected or requested.
        keep: How many of the highest good ones stay (``INFERENCE_KEEP_VERSIONS``).
        verdict: Whether a version that is here is good: ``None`` if this is not known yet.
    """
    verdicts = {version: verdict(version) for version in local}
    wanted = {version for version in chosen if version in remote}
    wanted |= _highest(remote, keep, lambda version: verdicts.get(version) is not False)
    kept = {version for version in chosen if version in verdicts}
    kept |= _highest(local, keep, lambda version: verdicts[version] is True)
    return Choice(sorted(wanted, reverse=True), kept)


def _highest(versions: Collection[int], keep: int, counts: Callable[[int], bool]) -> set[int]:
    """Return the highest versions, down to the one with which enough of them count."""
    highest: set[int] = set()
    left = keep
    for version in sorted(versions, reverse=True):
        if not left:
            break
        highest.add(version)
        left -= counts(version)
    return highest
