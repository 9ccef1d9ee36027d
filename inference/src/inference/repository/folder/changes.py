"""What has changed in the models folder since the last scan; runs in a thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from inference.repository.folder.scan import Scan

if TYPE_CHECKING:
    from inference.repository.folder.models_folder import ModelsFolder
    from inference.repository.folder.scan import Candidate, Key


class Changes(Struct, frozen=True):
    """One scan of the folder, compared with the one before.

    Attributes:
        scan: The last scan for which the folder was there.
        found: Every artifact that counts as there.
        held: Models that have vanished with most others and count as there, and until when.
        new: Artifacts that are new or have changed, those written first first.
        gone: Versions that are no longer there.
        is_away: Whether the folder itself was not there.
        warning: For the log.
        cpu_seconds: Processor time of the scan.
    """

    scan: Scan = field(default_factory=Scan)
    found: dict[Key, Candidate] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    new: list[Candidate] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)
    is_away: bool = False
    warning: str = ""
    cpu_seconds: float = 0.0


def look_for_changes(folder: ModelsFolder, before: Changes, hold_seconds: float) -> Changes:
    """Scan the folder, and compare it with the scan before.

    What is live stays live while the folder is away or unmounted, or while its own files cannot be
    looked at: a disk that fails says nothing of what is there. Where more than half of the models
    vanish from one scan to the next, two or more, they stay for ``hold_seconds``: an unmounted or
    emptied volume looks like this, and operators rarely delete in this way. So does the model of a
    folder that is one model.
    """
    begun = time.thread_time()
    scan = folder.scan()
    is_unmounted = scan.is_mount_point_of(before.scan)
    if is_unmounted or not scan.present:
        how = "is empty and looks unmounted" if is_unmounted else "is not there"
        stays = "what is live stays live" if before.found else "it is waited for"
        warning = "" if before.is_away else f"the models folder {folder.path} {how}; {stays}"
        return replace(before, new=[], gone=[], is_away=True, warning=warning, cpu_seconds=0)
    found = {(each.name, each.version): each for each in scan.candidates}
    names = {name for name, _ in found} | scan.unseen
    held, warning = _hold(folder, before, names, hold_seconds)
    kept = held.keys() | scan.unseen
    found |= {k: c for k, c in before.found.items() if k[0] in kept and k not in found}
    if not warning and scan.problem != before.scan.problem:
        warning = scan.problem
    if not warning and not scan.unseen <= before.scan.unseen:
        warning = f"cannot look at {', '.join(sorted(scan.unseen))[:200]}; what is live stays live"
    new = [each for key, each in found.items() if before.found.get(key) != each]
    new.sort(key=lambda each: each.fingerprint.modified_ns)
    gone = [key for key in before.found if key not in found]
    seconds = time.thread_time() - begun
    return Changes(scan, found, held, new, gone, warning=warning, cpu_seconds=seconds)


def _hold(
    folder: ModelsFolder, before: Changes, names: set[str], hold_seconds: float
) -> tuple[dict[str, float], str]:
    now = time.monotonic()
    held = {n: until for n, until in before.held.items() if n not in names and now < until}
    were = {name for name, _ in before.found} - before.held.keys()
    vanished = were - names
    fewest = 2 if folder.only is None else 1
    if hold_seconds <= 0 or len(vanished) < fewest or 2 * len(vanished) <= len(were):
        return held, ""
    warning = (
        f"{len(vanished)} of {len(were)} models have vanished from {folder.path} at once; they go "
        f"on answering for {hold_seconds:g} s. Put them back, or unload them to end them now"
    )
    return held | dict.fromkeys(vanished, now + hold_seconds), warning
