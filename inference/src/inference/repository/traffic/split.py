"""The split of a model's requests between versions, exact without a random number.

Each request gets a place between 0 and 1, and the version whose part of that line it falls into.
Places without a sticky header are multiples of the golden ratio, modulo 1. Of all sequences these
fill the line most evenly: after any number of requests, each version has its share within a few
requests, in each worker and thus in all of them. Taking turns would be as exact, but a client that
alternates between two kinds of requests would send each kind to one version only. With multiples
of an irrational number, every second (or tenth) request is split as evenly as all of them.

A sticky place is a hash, so it is the same in every worker and after a restart.
"""

from __future__ import annotations

import logging
import random
import time
from bisect import bisect_right
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from inference.errors import NotReadyError
from inference.logs import fields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from inference.model.servable import Servable
    from inference.repository.traffic.choice import Traffic

logger = logging.getLogger(__name__)

_STEP = (5**0.5 - 1) / 2
_HASH_BYTES, _UNUSED_BITS = 8, 11
_HASHES = 1 << 8 * _HASH_BYTES - _UNUSED_BITS  # which a float holds exactly, so that none is 1
# After a change, how long requests wait for a version that this worker has not loaded yet. Less
# than the repository's patience, so that no request fails.
_PATIENCE_SECONDS = 2.0


class Request(Protocol):
    """A request, as the split sees it.

    Attributes:
        headers: Names in lower case.
        chosen: The version that a split has chosen; missing before.
    """

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The headers."""

    chosen: Servable


def sticky_place(model: str, value: bytes) -> float:
    """Return the place of a header's value, at least 0 and below 1.

    >>> round(sticky_place("penguins", b"customer-7"), 6)
    0.643042
    """
    digest = blake2b(model.encode() + b"\0" + value, digest_size=_HASH_BYTES).digest()
    return (int.from_bytes(digest, "big") >> _UNUSED_BITS) / _HASHES


class Split:
    """The versions that share the requests of one model.

    The share of a version that does not answer goes to the others, in proportion to theirs. Right
    after a change, its requests wait for it first: another worker may have loaded it already.

    Args:
        name: The model's name.
        traffic: The shares.
        servables: What answers, by version; at least one version with a share.
        refused: The versions that are not waited for.
        before: The split before this one, whose sequence of places continues.

    Attributes:
        traffic: The same.
        shares: Percent of the requests by version, as they are now.
        main: The servable with the largest share.
        patient_until: Until when requests wait for a version that is missing.
    """

    __slots__ = ("_bounds", "_first", "_first_end", "_last", "_last_begin", "_name", "_place",
                 "_ready", "_ready_bounds", "_refused", "_servables", "_sticky", "main",
                 "patient_until", "shares", "traffic")  # fmt: skip

    def __init__(
        self,
        name: str,
        traffic: Traffic,
        servables: Mapping[int, Servable],
        refused: Collection[int] = (),
        before: Split | None = None,
    ) -> None:
        self._name = name
        self.traffic = traffic
        self._sticky = None if traffic.sticky is None else traffic.sticky.encode()
        numbers = sorted(traffic.split)
        self._servables = [servables.get(number) for number in numbers]
        self._refused = [number in refused for number in numbers]
        self.patient_until: float = time.monotonic() + _PATIENCE_SECONDS
        if before is not None and before.traffic == traffic:
            self.patient_until = before.patient_until
        self._bounds = _bounds(traffic.split[number] for number in numbers)
        # What most splits need, and each look-up touches little memory.
        self._first, self._last = self._servables[0], self._servables[-1]
        self._first_end, self._last_begin = self._bounds[0], [0.0, *self._bounds][-2]
        ready = {number: traffic.split[number] for number in numbers if number in servables}
        self._ready = [servables[number] for number in ready]
        self._ready_bounds = _bounds(ready.values())
        total = sum(ready.values())
        self.shares = {n: 100 * ready.get(n, 0.0) / total for n in numbers}
        self.main = servables[max(ready, key=lambda number: (ready[number], -number))]
        # It begins anywhere: the first requests of all workers shall not go to the same version.
        self._place: float = random.random() if before is None else before.last_place  # noqa: S311

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Split)
            and self.traffic == other.traffic
            and self._servables == other._servables
            and self._refused == other._refused
        )

    __hash__ = None  # type: ignore[assignment] # equal ones differ in their place

    @property
    def last_place(self) -> float:
        """The place of the last request without a sticky header."""
        return self._place

    def choose(self, request: Request) -> Servable:
        """Choose what answers a request, and note it there.

        Call it once for each request: it is the next one in the sequence of places.

        Raises:
            NotReadyError: The version is being loaded, since the split has just begun.
        """
        place = None if self._sticky is None else self._sticky_place(request)
        if place is None:
            place = self._place + _STEP
            self._place = place = place - 1.0 if place >= 1.0 else place
        if place < self._first_end:
            chosen = self._first
        elif place >= self._last_begin:
            chosen = self._last
        else:
            chosen = self._servables[bisect_right(self._bounds, place)]
        if chosen is None:
            chosen = self._replace(place)
        request.chosen = chosen
        return chosen

    def _sticky_place(self, request: Request) -> float | None:
        for name, value in request.headers:
            if name == self._sticky and value:
                return sticky_place(self._name, value)
        return None

    def _replace(self, place: float) -> Servable:
        """Choose what answers for a version that is missing.

        Its part is divided among the others as the whole line is.
        """
        index = bisect_right(self._bounds, place)
        if not self._refused[index] and time.monotonic() < self.patient_until:
            raise NotReadyError(f"a version of model '{self._name}' is being loaded", self._name)
        low = self._bounds[index - 1] if index else 0.0
        place = (place - low) / (self._bounds[index] - low)
        index = min(bisect_right(self._ready_bounds, place), len(self._ready) - 1)
        return self._ready[index]


def make_split(
    name: str,
    traffic: Traffic | None,
    servables: Mapping[int, Servable],
    refused: Collection[int] = (),
    before: Split | None = None,
) -> Split | None:
    """Make the split of a model; ``None`` if there is none, or if none of its versions answers.

    Logs which version has lost its share, or has it again.

    Args:
        name: The model's name.
        traffic: What the operator has chosen.
        servables: What answers, by version.
        refused: The versions that are not waited for.
        before: The split before.
    """
    if traffic is None or not traffic.split:
        return None
    if servables.keys().isdisjoint(traffic.split):
        after = None
    else:
        after = Split(name, traffic, servables, refused, before)
    if before is not None and before.traffic == traffic:
        _log_changes(name, before, after)
    return after


def _log_changes(name: str, before: Split, after: Split | None) -> None:
    shares = dict.fromkeys(before.shares, 0.0) if after is None else after.shares
    for version, was in before.shares.items():
        if bool(was) != bool(shares[version]):
            extra = fields("share", model=name, version=version, shares=shares)
            if was:
                logger.warning(
                    "version %d of model %s answers no more: its share of the traffic goes to %s",
                    version,
                    name,
                    _others(shares),
                    extra=extra,
                )
            else:
                message = "version %d of model %s answers: it has its share of the traffic"
                logger.info(message, version, name, extra=extra)


def _others(shares: Mapping[int, float]) -> str:
    named = [f"version {version} ({share:g} %)" for version, share in shares.items() if share]
    return ", ".join(named) or "the version that answers without a split"


def _bounds(shares: Iterable[float]) -> list[float]:
    """Return where the part of each share ends on a line of the length 1."""
    ends = list(accumulate(shares))
    return [end / ends[-1] for end in ends]
