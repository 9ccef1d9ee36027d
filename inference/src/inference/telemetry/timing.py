"""When each phase of one request began: for Server-Timing and the latency histograms."""

from __future__ import annotations

from time import perf_counter, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from inference.model.contract import Scalar

PHASES = ("parse", "queue", "infer", "encode")
# The value of a Server-Timing header, https://www.w3.org/TR/server-timing/
SERVER_TIMING = b"parse;dur=%.3f, queue;dur=%.3f, infer;dur=%.3f, encode;dur=%.3f"

# The rows and results of an answered request, for what watches the service: the only row in feature
# order or an array for each input, the other being None; the names of the outputs and their values;
# how many values there are in all. inference.monitoring.served describes them.
Answered = tuple[
    "Sequence[Scalar] | None",
    "Mapping[str, np.ndarray[Any, Any]] | None",
    "Sequence[str]",
    "Sequence[Any]",
    int,
]


def epoch_offset() -> float:
    """Return what turns the times of a request into seconds since the epoch."""
    # What comes between the two clocks, such as another thread, makes the difference only smaller.
    return max(time() - perf_counter() for _ in range(3))


class Timing:
    """The clock of one request; seconds of :func:`time.perf_counter`.

    A phase that never began has the length 0.

    Attributes:
        started: When the request was complete.
        parsed: When its rows were arrays.
        began: When its run began; until then it queued.
        ended: When its run ended.
        done: When the answer was encoded.
        rows: Rows asked.
        run_rows: Rows in the run that answered, others' included; 0 where it was not shared.
        labels: How often each class was predicted; ``None`` where there are no classes.
        warnings: What the caller is warned of, one entry for each value.
        served: Rows and results, for what watches the service; ``None`` before there are results.
    """

    __slots__ = (
        "began",
        "done",
        "ended",
        "labels",
        "parsed",
        "rows",
        "run_rows",
        "served",
        "started",
        "warnings",
    )

    def __init__(self) -> None:
        self.started = self.parsed = self.began = self.ended = self.done = perf_counter()
        self.rows = 1
        self.run_rows = 0
        self.labels: Mapping[Any, int] | None = None
        self.warnings: Sequence[Mapping[str, Any]] = ()
        self.served: Answered | None = None

    def answer(
        self,
        feeds: Mapping[str, np.ndarray[Any, Any]],
        outputs: Sequence[str],
        results: Sequence[Any],
    ) -> None:
        """Note what the model was run with and what it gave, for what watches the service."""
        values = 0
        for array in feeds.values():
            values += array.size
        for result in results:
            values += getattr(result, "size", self.rows)
        self.served = None, feeds, outputs, results, values

    def parse_ended(self) -> None:
        """Note that the rows are arrays now."""
        self.parsed = self.began = self.ended = self.done = perf_counter()

    def run_began(self) -> None:
        """Note that the run begins now."""
        self.began = perf_counter()

    def run_ended(self) -> None:
        """Note that the run has ended."""
        self.ended = self.done = perf_counter()

    def finish(self) -> None:
        """Note that the answer is encoded."""
        self.done = perf_counter()

    @property
    def seconds(self) -> tuple[float, float, float, float]:
        """Length of each of the :data:`PHASES`."""
        return (
            self.parsed - self.started,
            self.began - self.parsed,
            self.ended - self.began,
            self.done - self.ended,
        )

    @property
    def milliseconds(self) -> tuple[float, float, float, float]:
        """What :data:`SERVER_TIMING` is filled with."""
        parsed, began, ended = self.parsed, self.began, self.ended
        return (
            (parsed - self.started) * 1e3,
            (began - parsed) * 1e3,
            (ended - began) * 1e3,
            (self.done - ended) * 1e3,
        )
