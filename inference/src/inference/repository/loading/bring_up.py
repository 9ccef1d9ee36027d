"""One artifact's way: settle, take in, and tell the slot what became of it."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

from inference.admission.admission import NoProcessError
from inference.admission.pace import MakesWayError
from inference.admission.report import Report
from inference.errors import RookeryError
from inference.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.repository.entry import Slot
    from inference.repository.events import Events
    from inference.repository.folder.scan import Candidate, Key
    from inference.repository.loading.intake import Arrival, Intake

logger = logging.getLogger(__name__)

_NO_THREAD = "can't start new thread"  # how Python says that a limit on processes is reached
_GRACE_SECONDS = 2.0  # a file that was refused this soon after a write may still be growing


class BringUp:
    """Brings artifacts up.

    Args:
        intake: Reads, examines and loads them.
        events: Told of swaps and refusals.
        rescan_seconds: How long is waited before a file that cannot be read is tried again.
        is_wanted: Tells whether a version is still to be loaded.
        publish: Makes visible what has changed about a version.
    """

    def __init__(
        self,
        intake: Intake,
        events: Events,
        *,
        rescan_seconds: float,
        is_wanted: Callable[[Key], bool],
        publish: Callable[[Key], None],
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
            if await self._intake.is_settled(candidate):
                await self._take(key, slot, candidate)
            else:
                slot.due = math.inf
        except MakesWayError:
            slot.made_way = candidate.fingerprint
        except FileNotFoundError:
            self._set_back(slot)  # the next scan will miss it
            slot.due = math.inf
        except NoProcessError as error:
            reason = (
                f"it cannot be examined now: {error.strerror} (a limit on processes or memory?)"
            )
            self._put_off(key, slot, reason)
        except OSError as error:
            self._put_off(key, slot, f"the file cannot be read: {error.strerror}")
        except MemoryError:
            self._put_off(key, slot, "it could not be loaded: memory is short")
        except RookeryError as error:
            # Its examination has passed, so it may be this process's fault.
            self._quarantine(key, slot, str(error), by_chance=True)
        except Exception as error:
            if str(error) == _NO_THREAD:
                self._put_off(key, slot, f"it could not be loaded: {error} (limits on processes?)")
                return
            logger.exception("model %s version %d could not be brought up", *key)
            self._quarantine(key, slot, f"it could not be loaded: {error}", by_chance=True)

    async def _take(self, key: Key, slot: Slot, candidate: Candidate) -> None:
        def examining() -> None:
            slot.examining = True
            self._publish(key)

        long = slot.made_way == candidate.fingerprint
        async with self._intake.pace.place(is_long=long):
            if not self._is_wanted(key):  # newer versions have come while it waited
                self._set_back(slot)
                return
            arrival = await self._intake.take(candidate, slot.servable, examining, is_long=long)
        if arrival is None:  # the file changed meanwhile; the next scan sees the new one
            slot.due = math.inf
        else:
            self._judge(key, slot, candidate, arrival)

    @staticmethod
    def _set_back(slot: Slot) -> None:
        slot.stage = "idle" if slot.servable is None else "ready"

    def _judge(self, key: Key, slot: Slot, candidate: Candidate, arrival: Arrival) -> None:
        if arrival.servable is None:
            self.refuse(key, slot, candidate, arrival.report or Report(admitted=False))
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

    def refuse(self, key: Key, slot: Slot, candidate: Candidate, refused: Report) -> None:
        """Quarantine an artifact, or have it tried again where it may still be being written."""
        slot.report = slot.report if slot.servable is not None else refused
        age = time.time() - candidate.fingerprint.modified_ns / 1e9
        if 0 <= age < _GRACE_SECONDS:
            slot.reason = f"it may still be being written: {refused.reason}"
            slot.due = time.monotonic() + _GRACE_SECONDS - age
        else:
            self._quarantine(key, slot, refused.reason, by_chance=refused.was_cut_short)

    def _put_off(self, key: Key, slot: Slot, reason: str) -> None:
        """Quarantine for now: it is the machine's or the mount's fault, so nothing is judged."""
        self._quarantine(key, slot, reason)
        slot.judged = None
        slot.due = time.monotonic() + self._rescan_seconds

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
