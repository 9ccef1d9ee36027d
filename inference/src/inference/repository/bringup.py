"""One artefact's way: settle, take in, and tell the slot what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from inference.errors import RookeryError
from inference.log import fields
from inference.repository.pace import MakesWayError
from inference.repository.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.repository.events import Events
    from inference.repository.intake import Arrival, Intake
    from inference.repository.layout import Candidate
    from inference.repository.slot import Slot

logger = logging.getLogger(__name__)

Key = tuple[str, int]

_GRACE_SECONDS = 2.0  # a file that was refused this soon after a write may still be growing


class BringUp:
    """Brings artefacts up.

    Args:
        intake: Reads, examines and loads them.
        events: Told of swaps and refusals.
        rescan_seconds: How long is waited before a file that cannot be read is tried again.
        is_wanted: Tells whether a version is still to be loaded.
        publish: Makes visible what has changed in a slot.
    """

    def __init__(
        self,
        intake: Intake,
        events: Events,
        *,
        rescan_seconds: float,
        is_wanted: Callable[[Key], bool],
        publish: Callable[[], None],
    ) -> None:
        self._intake = intake
        self._events = events
        self._rescan_seconds = rescan_seconds
        self._is_wanted = is_wanted
        self._publish = publish

    async def run(self, key: Key, slot: Slot) -> None:
        """Bring up what lies on disk for a slot; raises nothing."""
        try:
            candidate = slot.candidate
            if await self._intake.settle(candidate):
                arrival = await self._take(key, slot, candidate)
                if arrival is not None:
                    await self._judge(key, slot, candidate, arrival)
        except MakesWayError:
            slot.made_way = candidate.fingerprint
        except FileNotFoundError:
            slot.stage = "idle" if slot.servable is None else "ready"  # the next scan will miss it
        except OSError as error:
            self._quarantine(key, slot, f"the file cannot be read: {error.strerror}")
            self._publish()
            # It may be the mount's fault and not the file's, so it is not judged: try again.
            slot.judged = None
            await asyncio.sleep(self._rescan_seconds)
        except RookeryError as error:
            self._quarantine(key, slot, str(error))
        except Exception as error:
            logger.exception("model %s version %d could not be brought up", *key)
            self._quarantine(key, slot, f"it could not be loaded: {error}")

    async def _take(self, key: Key, slot: Slot, candidate: Candidate) -> Arrival | None:
        def examining() -> None:
            slot.examining = True
            self._publish()

        long = slot.made_way == candidate.fingerprint
        async with self._intake.pace.place(is_long=long):
            if self._is_wanted(key):
                # None: the file changed while it was examined; the next scan sees the new one.
                return await self._intake.take(candidate, slot.servable, examining, is_long=long)
        # Newer versions have come while it waited.
        slot.stage = "idle" if slot.servable is None else "ready"
        return None

    async def _judge(self, key: Key, slot: Slot, candidate: Candidate, arrival: Arrival) -> None:
        if arrival.servable is None:
            refused = arrival.report or Report(admitted=False)
            slot.report = slot.report if slot.servable is not None else refused
            await self._refuse(key, slot, candidate, refused)
            return
        slot.stage, slot.reason, slot.judged = "ready", "", candidate.fingerprint
        if arrival.report is None:
            return  # the same content as before
        before, slot.servable = slot.servable, arrival.servable
        slot.report = arrival.report
        self._events.swapped(key[0])
        verb = "was replaced and is live" if before else "is live"
        digest = arrival.servable.digest
        told = event("swap", key, digest=digest, replaced=before is not None)
        logger.info("model %s version %d %s (%s)", *key, verb, digest[:12], extra=told)

    async def _refuse(self, key: Key, slot: Slot, candidate: Candidate, refused: Report) -> None:
        age = time.time() - candidate.fingerprint.modified_ns / 1e9
        if 0 <= age < _GRACE_SECONDS:
            slot.reason = f"it may still be being written: {refused.reason}"
            self._publish()
            await asyncio.sleep(min(_GRACE_SECONDS / 8, _GRACE_SECONDS - age))
        else:
            self._quarantine(key, slot, refused.reason, by_chance=refused.was_cut_short)

    def _quarantine(self, key: Key, slot: Slot, reason: str, *, by_chance: bool = False) -> None:
        slot.quarantine(reason, by_chance=by_chance)
        self._events.quarantined(key[0])
        stays = "; what was admitted before goes on serving" if slot.servable else ""
        told = event("quarantine", key, reason=slot.reason)
        said = (*key, slot.reason, stays)
        logger.warning("model %s version %d is quarantined: %s%s", *said, extra=told)


def event(name: str, key: Key, **more: object) -> dict[str, Any]:
    """Describe an event of a version for the log."""
    return fields(name, model=key[0], version=key[1], **more)
