"""One examination: load the artifact, replay its golden samples, time it, try it on every route.

This module imports onnxruntime. The examiner imports it after the limits are set, and nothing here
may import or open anything once :func:`~inference.admission.sandbox.give_up_files` was called.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from inference.admission.files.file_format import HEAD_BYTES, explain
from inference.errors import ArtifactError, RookeryError, RunTimeoutError
from inference.model.graph.fixed_sizes import has_fixed_sizes
from inference.model.graph.onnx_file import parse
from inference.model.plan import ANY_TEXT, ROW_COUNTS, Plan, granted_cpus
from inference.model.servable import Servable
from inference.model.trials.foreign_classifier import examine_table
from inference.model.trials.golden_samples import is_batch_exact, replay_samples
from inference.model.trials.run_cost import (
    LONGEST_RUN,
    ended_after,
    measure_cost,
    measure_text,
)
from inference.runtime.memory import give_back, watch_peak

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.admission.report import Report
    from inference.model.contract import Contract
    from inference.model.session import Stop

    # Sends a servable what routes do, and names the outputs that hold a value for each row.
    Trial = Callable[[Servable, Stop], list[str] | None]

# A second thread is only tried for runs that take long, and kept if it is that much faster.
_THREADS_WORTH_US = 5_000.0
_THREADS_GAIN = 1.5
# Replaying takes two such shares of the time, timing one or two, comparing batches one: the rest is
# for a file that is large, and for a machine that is busy.
_STEP_SHARE = 0.1
_TRIAL_RUNS = 12  # at most, to try all routes
# How onnxruntime reports it; the processes that serve have no such limit.
_OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory")
_TOO_GREEDY = "it needs more memory than INFERENCE_ADMISSION_MEMORY_BYTES allows"


@dataclass(slots=True)
class _Timing:
    """What was measured of a servable's runs; the fields are those of the report."""

    cost_us: dict[int, float] = field(default_factory=dict)
    batchable: bool = False
    inline_text: int = ANY_TEXT
    warnings: list[str] = field(default_factory=list)


class Examination:
    """Examines one artifact.

    Args:
        seconds: How long it may take.
        trial: Tries it on every route; ``None`` leaves that out.
    """

    def __init__(self, seconds: float, trial: Trial | None) -> None:
        self._step_seconds = seconds * _STEP_SHARE
        self._trial = trial

    def run(self, data: bytes, report: Report, confine: Callable[[], None] | None) -> Report:
        """Examine the artifact, and return the report of one that is admitted.

        Args:
            data: The artifact, whole.
            report: Its digest and size.
            confine: Called before the file is parsed.

        Raises:
            RookeryError: The artifact is refused.
            RunTimeoutError: It took too long, which may be the machine's fault.
            MemoryError: It needs more memory than allowed.
        """
        granted, peak = granted_cpus(), watch_peak()
        if confine is not None:
            confine()
        before_bytes = peak()
        fixed_sizes = _has_fixed_sizes(data)
        servable, load_ms = self._load(data)
        if load_ms > self._step_seconds * 1e3:
            granted = 1  # to try more threads is to load it again
        samples, difference = replay_samples(servable, 2 * self._step_seconds)
        contract = servable.contract
        timing = self._time(servable, fixed_sizes=fixed_sizes)
        row_outputs, table = None, None
        if timing.cost_us.get(1, 0.0) * _TRIAL_RUNS < self._step_seconds * 1e6:
            row_outputs = self._try_routes(servable)
            if contract is None:
                table = examine_table(servable, data, row_outputs, self._step_seconds)
        del servable  # a large model is not to be in memory twice
        cost, threads = self._try_threads(data, contract, timing.cost_us, granted)
        return msgspec.structs.replace(
            report,
            admitted=True,
            row_outputs=row_outputs,
            memory_bytes=peak() - before_bytes,
            has_contract=contract is not None,
            samples=samples,
            max_difference=difference,
            load_ms=round(load_ms, 2),
            cost_us=cost,
            threads=threads,
            batchable=timing.batchable,
            fixed_sizes=fixed_sizes,
            inline_text=timing.inline_text,
            table=table,
            warnings=_warn(contract, samples) + timing.warnings,
        )

    @staticmethod
    def _load(data: bytes) -> tuple[Servable, float]:
        """Return the servable, and how many milliseconds it took to load."""
        begun = time.perf_counter()
        servable = Servable.load("examined", 1, data)
        load_ms = (time.perf_counter() - begun) * 1e3
        give_back()  # the memory that only loading needed
        return servable, load_ms

    def _time(self, servable: Servable, *, fixed_sizes: bool) -> _Timing:
        """Measure runs.

        Raises:
            ArtifactError: They need too much memory, or fail although there is a contract.
            RunTimeoutError: They take too long.
        """
        timing, seconds = _Timing(), self._step_seconds
        try:
            timing.cost_us = cost = measure_cost(servable, seconds)
            if fixed_sizes:
                timing.inline_text = measure_text(servable, cost, seconds)
            is_quick = max(cost) == max(ROW_COUNTS) and max(cost.values()) < seconds * 1e6
            # Otherwise a caller with an expensive row would delay those who share the batch.
            timing.batchable = fixed_sizes and is_quick and is_batch_exact(servable)
        except (ArtifactError, RunTimeoutError):
            raise
        except (RookeryError, ValueError) as error:
            # A foreign graph may take no zeros, or no batch; that is no reason to refuse it.
            if any(sign in str(error) for sign in _OUT_OF_MEMORY):
                raise ArtifactError(f"{_TOO_GREEDY}: {error}") from None
            if servable.contract is not None:
                raise ArtifactError(f"it cannot be timed: {error}") from None
            timing.warnings.append(f"it could not be tried: {error}")
        return timing

    def _try_routes(self, servable: Servable) -> list[str] | None:
        if self._trial is None:
            return None
        with ended_after(self._step_seconds * LONGEST_RUN) as stop:
            return self._trial(servable, stop)

    def _try_threads(
        self, data: bytes, contract: Contract | None, alone: dict[int, float], granted: int
    ) -> tuple[dict[int, float], int]:
        """Measure whether more threads are worth it.

        Args:
            data: The artifact, whole.
            contract: Its contract, which may ask for a number of threads.
            alone: The cost curve of one thread; empty where it could not be measured.
            granted: The most threads.

        Returns:
            The curve, and the number of threads that it was measured with.
        """
        serving = contract.serving if contract else None
        wanted = serving.threads if serving and serving.threads else None
        threads = min(wanted or granted, granted)
        largest = max(alone, default=0)
        if not alone or threads == 1 or (wanted is None and alone[largest] < _THREADS_WORTH_US):
            return alone, 1
        servable = Servable.load("examined", 1, data, plan=Plan(threads=threads))
        together = measure_cost(servable, self._step_seconds)
        largest = max(alone.keys() & together.keys())
        gain = alone[largest] / together[largest]
        return (together, threads) if wanted or gain >= _THREADS_GAIN else (alone, 1)


def _has_fixed_sizes(data: bytes) -> bool:
    try:
        return has_fixed_sizes(parse(data))
    except ArtifactError as error:
        raise ArtifactError(explain(str(error), data[:HEAD_BYTES])) from None


def _warn(contract: Contract | None, samples: int) -> list[str]:
    if contract is None:
        return ["the file has no contract: its features are positional, nothing is known"]
    if samples < len(contract.samples):
        return [f"{samples} of {len(contract.samples)} golden samples were replayed: each is slow"]
    return []
