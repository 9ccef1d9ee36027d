"""The child process that tries one artifact; :mod:`inference.serving.trial_process` begins it.

It is given a descriptor of the artifact's bytes, and no name. It may crash, loop or run out of
memory: that is what it is for. It limits itself, asks to be ended first when memory is short,
leaves the network, and gives up opening anything before it looks into the bytes: then it
refuses external data, loads the file, replays the golden samples, times it, asks it as routes do,
and writes one
:class:`~inference.admission.report.Report` as JSON to standard output.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from inference.admission.files.contents import read_all
from inference.admission.files.file_format import HEAD_BYTES, explain
from inference.admission.report import Report
from inference.errors import ArtifactError, RookeryError, RunTimeoutError
from inference.runtime.locales import load_locales
from inference.runtime.memory import be_first_to_go, give_back, watch_peak

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.contract import Contract
    from inference.model.servable import Servable
    from inference.model.session import Stop

    # Asks a servable as routes do, and names the outputs that give a value for each row.
    Trial = Callable[[Servable, Stop], list[str] | None]
    LoadTrial = Callable[[], Trial]

# Where a busy service leaves nothing else of its core, an examination gets a tenth of it.
_NICENESS = 10
# A second thread is only considered for what takes long, and kept where it really helps.
_THREADS_WORTH_US = 5_000.0
_THREADS_GAIN = 1.5
_SECONDS = 30.0
# Replaying takes two such shares of the time, timing one or two, comparing batches one: the rest is
# for a file that is large, and for a machine that is busy.
_STEP_SHARE = 0.1
_TRIAL_RUNS = 12  # at most as many are made to try routes


_STANDARD_OUTPUT = 1
_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG, linux/prctl.h
# CLONE_NEWUSER and CLONE_NEWNET, linux/sched.h; os.unshare() is there from Python 3.12 on.
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
# How onnxruntime says it; the processes that serve have no such limit.
_OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory")


def end_with_parent() -> None:
    """Be killed when the process that started this one ends, however it does."""
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)


def step_back() -> None:
    """Come behind whoever serves meanwhile."""
    os.nice(_NICENESS)


def limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound this process: address space, processor time, no core dump, no file written.

    It also ends with whoever asked, and before others when memory is short.
    """
    end_with_parent()
    be_first_to_go()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        memory_bytes = min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def leave_network() -> bool:
    """Go where there is no network; false where an unprivileged process may not.

    It is a second lock: :func:`give_up_files` holds everywhere but for root.
    """
    unshare = ctypes.CDLL(None).unshare
    return any(unshare(spaces) == 0 for spaces in (_NEW_USER | _NEW_NETWORK, _NEW_NETWORK))


def give_up_files() -> None:
    """Open nothing any more, neither files nor sockets; what is open stays so.

    Locales are files, too: those that text models may name are loaded before, and stay.
    """
    load_locales()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def examine_here(
    data: bytes,
    confine: Callable[[], None] | None = None,
    *,
    seconds: float = _SECONDS,
    load_trial: LoadTrial | None = None,
) -> Report:
    """Examine one artifact in this process; see :func:`inference.admission.admission.examine`.

    Args:
        data: The artifact, whole.
        confine: Called when all is imported and nothing of the file has been looked at.
        seconds: How long it may take.
        load_trial: Imports what asks it as routes do; ``None`` leaves that out.
    """
    report = Report(admitted=False, digest=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    try:
        return _try(data, report, confine, seconds, load_trial)
    except RunTimeoutError as error:
        # Without a digest: on a machine that is less busy it may be found otherwise.
        reason = (
            f"{error}; its examination may take {seconds:g} in all: raise "
            "INFERENCE_ADMISSION_TIMEOUT_SECONDS"
        )
        return Report(admitted=False, reason=reason, was_cut_short=True)
    except RookeryError as error:
        return msgspec.structs.replace(report, reason=str(error))
    except MemoryError:
        return msgspec.structs.replace(
            report, reason="it needs more memory than examination allows"
        )


def _try(
    data: bytes,
    report: Report,
    confine: Callable[[], None] | None,
    seconds: float,
    load_trial: LoadTrial | None,
) -> Report:
    # Imported late: the limits stand before onnxruntime maps its first page.
    from inference.model.plan import ANY_TEXT, ROW_COUNTS, granted_cpus  # noqa: PLC0415
    from inference.model.servable import Servable  # noqa: PLC0415
    from inference.model.trials.foreign_classifier import examine_table  # noqa: PLC0415
    from inference.model.trials.golden_samples import is_batch_exact, replay_samples  # noqa: PLC0415
    from inference.model.trials.run_cost import measure_cost, measure_text  # noqa: PLC0415

    has_fixed_sizes = _load_parser()
    trial = load_trial() if load_trial is not None else None
    granted = granted_cpus()
    peak = watch_peak()
    if confine is not None:
        confine()
    before = peak()
    fixed_sizes = has_fixed_sizes(data)
    step_seconds = seconds * _STEP_SHARE
    begin = time.perf_counter()
    servable = Servable.load("examined", 1, data)
    load_ms = (time.perf_counter() - begin) * 1e3
    give_back()  # what loading took
    if load_ms > step_seconds * 1e3:
        granted = 1  # to try more threads is to load it again
    samples, difference = replay_samples(servable, 2 * step_seconds)
    warnings: list[str] = []
    cost: dict[int, float] = {}
    batchable, inline_text = False, ANY_TEXT
    contract = servable.contract
    if contract is None:
        warnings.append("the file has no contract: its features are positional, nothing is known")
    elif samples < len(contract.samples):
        warnings.append(
            f"{samples} of {len(contract.samples)} golden samples were replayed: each takes long"
        )
    try:
        cost = measure_cost(servable, step_seconds)
        inline_text = measure_text(servable, cost, step_seconds) if fixed_sizes else ANY_TEXT
        quick = max(cost) == max(ROW_COUNTS) and max(cost.values()) < step_seconds * 1e6
        # Who asks for much would have his neighbors wait, in a run that they share.
        batchable = fixed_sizes and quick and is_batch_exact(servable)
    except (ArtifactError, RunTimeoutError):
        raise
    except (RookeryError, ValueError) as error:
        # Somebody else's graph may take no zeros, or no batch; that is no reason to refuse it.
        if any(sign in str(error) for sign in _OUT_OF_MEMORY):
            raise ArtifactError(f"it needs more memory than examination allows: {error}") from None
        if contract is not None:
            raise ArtifactError(f"it cannot be timed: {error}") from None
        warnings.append(f"it could not be tried: {error}")
    is_quick = cost.get(1, 0.0) * _TRIAL_RUNS < step_seconds * 1e6
    row_outputs = _ask(servable, trial, step_seconds) if trial is not None and is_quick else None
    table = (
        examine_table(servable, data, row_outputs, step_seconds)
        if is_quick and contract is None
        else None
    )
    del servable  # a large model is not to be in memory twice
    load = partial(Servable.load, "examined", 1, data)
    cost, threads = _try_threads(load, contract, cost, granted, step_seconds)
    return msgspec.structs.replace(
        report,
        admitted=True,
        row_outputs=row_outputs,
        memory_bytes=peak() - before,
        has_contract=contract is not None,
        samples=samples,
        max_difference=difference,
        load_ms=round(load_ms, 2),
        cost_us=cost,
        threads=threads,
        batchable=batchable,
        fixed_sizes=fixed_sizes,
        inline_text=inline_text,
        table=table,
        warnings=warnings,
    )


def _load_parser() -> Callable[[bytes], bool]:
    from inference.model.graph.fixed_sizes import has_fixed_sizes  # noqa: PLC0415
    from inference.model.graph.onnx_file import parse  # noqa: PLC0415

    def has_fixed(data: bytes) -> bool:
        try:
            return has_fixed_sizes(parse(data))
        except ArtifactError as error:
            raise ArtifactError(explain(str(error), data[:HEAD_BYTES])) from None

    return has_fixed


def _ask(servable: Servable, trial: Trial, seconds: float) -> list[str] | None:
    from inference.model.trials.run_cost import LONGEST_RUN, ended_after  # noqa: PLC0415

    with ended_after(seconds * LONGEST_RUN) as stop:
        return trial(servable, stop)


def _try_threads(
    load: Callable[..., Servable],
    contract: Contract | None,
    alone: dict[int, float],
    granted: int,
    seconds: float,
) -> tuple[dict[int, float], int]:
    """Measure whether more threads are worth it.

    Args:
        load: Loads the artifact, with a plan.
        contract: What it says about itself.
        alone: The cost curve of one thread; empty where it could not be measured.
        granted: The most threads.
        seconds: How long the curve should take.

    Returns:
        The curve, and the number of threads that it was measured with.
    """
    from inference.model.plan import Plan  # noqa: PLC0415
    from inference.model.trials.run_cost import measure_cost  # noqa: PLC0415

    serving = contract.serving if contract else None
    wanted = serving.threads if serving and serving.threads else None
    threads = min(wanted or granted, granted)
    largest = max(alone, default=0)
    if not alone or threads == 1 or (wanted is None and alone[largest] < _THREADS_WORTH_US):
        return alone, 1
    together = measure_cost(load(plan=Plan(threads=threads)), seconds)
    largest = max(alone.keys() & together.keys())
    gain = alone[largest] / together[largest]
    return (together, threads) if wanted or gain >= _THREADS_GAIN else (alone, 1)


def tell(
    descriptor: int, memory_bytes: int, seconds: float, load_trial: LoadTrial | None = None
) -> None:
    """Examine a file within limits, and write the report to standard output; for once in a process.

    Args:
        descriptor: Of the file's bytes.
        memory_bytes: Address space.
        seconds: Processor time, rounded up to whole seconds.
        load_trial: See :func:`examine_here`.
    """
    limit_resources(memory_bytes, int(seconds) + 1)
    leave_network()
    data = read_all(descriptor)
    report = examine_here(data, give_up_files, seconds=seconds, load_trial=load_trial)
    os.write(_STANDARD_OUTPUT, msgspec.json.encode(report) + b"\n")
