"""A servable whose runs end when the test says so, and what asks it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.errors import InferenceError
from inference.model.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.answers.targets import Target
    from inference.model.contract import Feature

_SECONDS = 20
POISON = -1.0


class FakeServable:
    """Doubles its input ``X``; fails on rows that hold :data:`POISON`.

    Attributes:
        began: Released once for every run that has begun.
        may_end: Set while runs may end.
        runs: The outputs asked for and the inputs of every run, in order.
        fault: What runs raise on poison.
    """

    name, version = "fake", 1
    text_inputs: Sequence[str] = ()
    class_keys: Sequence[str] | None = None
    targets: Sequence[Target] = ()
    features: Sequence[Feature] | None = None

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or Plan(mode="thread", max_batch_rows=8)
        self.began = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.runs: list[tuple[Sequence[str] | None, np.ndarray[Any, Any]]] = []
        self.fault: Exception = InferenceError("poison")

    def run(
        self, outputs: Sequence[str] | None, feeds: dict[str, Any], _: object = None
    ) -> list[Any]:
        self.runs.append((outputs, feeds["X"]))
        self.began.release()
        assert self.may_end.wait(_SECONDS)
        if (feeds["X"] == POISON).any():
            raise self.fault
        return [feeds["X"] * 2]

    @property
    def sizes(self) -> list[int]:
        """Rows of every run."""
        return [len(array) for _, array in self.runs]


class Step(NamedTuple):
    """One run, which ends when the test says so."""

    end: threading.Event
    stop: Any

    @property
    def is_stopped(self) -> bool:
        """Whether the service has ended the run."""
        return bool(self.stop.options.terminate)


class Stepwise(FakeServable):
    """Each run ends by itself.

    Attributes:
        steps: The latest run of some rows, by the first values of these.
    """

    def __init__(self) -> None:
        # The limit on the time of a batch follows from the cost.
        super().__init__(Plan(mode="thread", max_batch_rows=8, cost_us={1: 1e7}))
        self.may_end.set()
        self.steps: dict[tuple[float, ...], Step] = {}

    def run(
        self, outputs: Sequence[str] | None, feeds: dict[str, Any], stop: object = None
    ) -> list[Any]:
        step = self.steps[tuple(feeds["X"][:, 0].tolist())] = Step(threading.Event(), stop)
        try:
            return super().run(outputs, feeds)
        finally:
            assert step.end.wait(_SECONDS)


def feeds(*values: float, width: int = 2) -> dict[str, Any]:
    """Make a row of each value."""
    return {"X": np.repeat(np.array(values, dtype=np.float32)[:, None], width, axis=1)}
