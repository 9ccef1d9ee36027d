"""Whether a file is still being written: an artifact is read only once it has settled."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from inference.repository.folder.scan import fingerprint

if TYPE_CHECKING:
    from inference.repository.folder.scan import Candidate
    from inference.repository.loading.load_threads import LoadThreads

_FOLDER_SECONDS = 5.0  # for a file system that only has to stat


def remaining_seconds(candidate: Candidate, settle_ms: int) -> float:
    """Return how many seconds a file that is seen now has to stay unchanged."""
    settle_seconds = settle_ms / 1000
    age_seconds = time.time() - candidate.fingerprint.modified_ns / 1e9
    # A time in the future (another machine's clock) says nothing, so wait the whole time.
    return min(settle_seconds, max(0.0, settle_seconds - max(0.0, age_seconds)))


async def is_settled(candidate: Candidate, threads: LoadThreads) -> bool:
    """Whether a file is still as it was seen; true if its file system does not answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FOLDER_SECONDS):
            seen = await threads.in_folder(fingerprint, candidate.path)
            return seen == candidate.fingerprint
    return True
