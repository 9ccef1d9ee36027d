"""A request that was answered, as what watches the service sees it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import attrgetter, itemgetter, sub
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from inference.telemetry.timing import epoch_offset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    import numpy as np

    from inference.model.contract import Scalar
    from inference.model.servable import Servable
    from inference.telemetry.timing import Answered, Timing

# What the event loop hands on: the servable, the clock that also carries rows and results, the
# request's id and the key's id, both None unless a consumer needs them, and for how many requests
# it stands.
Handed = tuple["Servable", "Timing", bytes | None, str | None, float]
# What is read of every request is read without a line of Python for each.
_TIMING = itemgetter(1)
_ROWS, _DONE, _STARTED = attrgetter("rows"), attrgetter("done"), attrgetter("started")
_SERVED = attrgetter("served")
_NOTHING: Answered = (None, None, (), (), 0)


class Served(NamedTuple):
    """One request that was answered with status 200.

    Attributes:
        servable: What answered. A consumer must not keep it after ``consume``, or a replaced
            version would stay in memory.
        request_id: The ``X-Request-ID``; empty unless a consumer needs ids.
        key_id: The id of the caller's API key; ``None`` without one, or unless a consumer needs
            ids.
        time: When the answer was ready, in seconds since the epoch.
        seconds: How long the whole request took, from its last byte to the encoded answer.
        rows: How many rows were asked.
        row: The values of the only row, in feature order, as the caller sent them; ``None`` where
            ``feeds`` has the rows.
        feeds: An array for each input, as the model was run with; ``None`` where ``row`` is given.
        outputs: Names of the outputs that ``results`` has.
        results: The value of each output as the graph gives it: an array, a list of maps (ZipMap),
            or ``None``. With ``row``, plain values instead: a number, a string, or a list of them.
            Labels are the codes of the graph; ``servable.labels.decode`` returns their classes.
        stands_for: For how many requests it stands: 1 where every request is handed on.
    """

    servable: Servable
    request_id: bytes
    key_id: str | None
    time: float
    seconds: float
    rows: int
    row: Sequence[Scalar] | None
    feeds: Mapping[str, np.ndarray[Any, Any]] | None
    outputs: Sequence[str]
    results: Sequence[Any] | None
    stands_for: float = 1.0


class ServedBatch(Sequence[Served]):
    """Served requests in the order of their answers.

    A :class:`Served` is made when it is asked for, because a consumer may need only some of them.

    Args:
        handed: What the event loop has handed on; each clock has ``served``.
    """

    def __init__(self, handed: Sequence[Handed]) -> None:
        self._handed = handed
        self._offset = epoch_offset()

    @cached_property
    def _timings(self) -> list[Timing]:
        return list(map(_TIMING, self._handed))

    @cached_property
    def answered(self) -> list[Answered]:
        """The rows and results of each request."""
        return [served or _NOTHING for served in map(_SERVED, self._timings)]

    @cached_property
    def rows(self) -> list[int]:
        """The rows of each request."""
        return list(map(_ROWS, self._timings))

    @property
    def request_ids(self) -> list[bytes]:
        """The id of each request; see :class:`Served`."""
        return [identifier or b"" for identifier in map(itemgetter(2), self._handed)]

    @property
    def key_ids(self) -> list[str | None]:
        """The id of each caller's key."""
        return list(map(itemgetter(3), self._handed))

    @property
    def times(self) -> list[float]:
        """When each answer was ready, in seconds since the epoch."""
        offset = self._offset
        return [done + offset for done in map(_DONE, self._timings)]

    @property
    def seconds(self) -> list[float]:
        """How long each request took."""
        return list(map(sub, map(_DONE, self._timings), map(_STARTED, self._timings)))

    def __len__(self) -> int:
        return len(self._handed)

    @overload
    def __getitem__(self, index: int) -> Served: ...

    @overload
    def __getitem__(self, index: slice) -> ServedBatch: ...

    def __getitem__(self, index: int | slice) -> Served | ServedBatch:
        """Return one request, or a part of the batch."""
        if isinstance(index, slice):
            return ServedBatch(self._handed[index])
        return self._make(self._handed[index])

    def __iter__(self) -> Iterator[Served]:
        """Return each request."""
        return map(self._make, self._handed)

    def by_servable(self) -> dict[Servable, ServedBatch]:
        """Divide the batch by what answered."""
        if len(set(map(itemgetter(0), self._handed))) == 1:
            return {self._handed[0][0]: self}
        groups: dict[Servable, list[Handed]] = {}
        for handed in self._handed:
            group = groups.get(handed[0])
            if group is None:
                groups[handed[0]] = [handed]
            else:
                group.append(handed)
        return {servable: ServedBatch(group) for servable, group in groups.items()}

    def choose(self, indices: Sequence[int]) -> Self:
        """Return a batch of some of the requests."""
        handed = self._handed
        return type(self)([handed[index] for index in indices])

    def by_weight(self) -> dict[float, ServedBatch]:
        """Divide the batch by how many requests each of them stands for."""
        weights = set(map(itemgetter(4), self._handed))
        if len(weights) == 1:
            return {weights.pop(): self}
        return {
            weight: ServedBatch([handed for handed in self._handed if handed[4] == weight])
            for weight in weights
        }

    def _make(self, handed: Handed) -> Served:
        servable, timing, request_id, key_id, stands_for = handed
        row, feeds, outputs, results, _ = timing.served or _NOTHING
        return Served(
            servable,
            request_id or b"",
            key_id,
            timing.done + self._offset,
            timing.done - timing.started,
            timing.rows,
            row,
            feeds,
            outputs,
            results,
            stands_for,
        )
