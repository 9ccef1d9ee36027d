"""The child process that tries one artefact: ``python -m inference.repository.examiner FILE ...``.

It may crash, loop or run out of memory: that is what it is for. It limits itself before it loads
anything, reads the file, refuses external data, loads it, replays the golden samples, times it, and
writes one :class:`~inference.repository.report.Report` as JSON to standard output.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from inference.errors import ArtefactError, ContractError, RookeryError
from inference.repository.report import Report

if TYPE_CHECKING:
    from inference.model.servable import Servable


_NICENESS = 5
# A second thread is only considered for what takes long, and kept where it really helps.
_THREADS_WORTH_US = 5_000.0
_THREADS_GAIN = 1.5


# How onnxruntime says it; the processes that serve have no such limit.
_OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory")


def limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound this process: address space, processor time, no core dump, no file written.

    It also steps back: whoever serves meanwhile comes first.
    """
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def examine_here(path: Path) -> Report:
    """Examine one artefact in this process; see :func:`inference.repository.admission.examine`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Report(admitted=False, reason=f"the file cannot be read: {error.strerror}")
    report = Report(admitted=False, digest=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    try:
        return _try(data, report)
    except ContractError as error:
        return msgspec.structs.replace(report, reason=str(error))
    except RookeryError as error:
        return msgspec.structs.replace(report, reason=str(error))
    except MemoryError:
        return msgspec.structs.replace(
            report, reason="it needs more memory than examination allows"
        )


def _try(data: bytes, report: Report) -> Report:
    # Imported late: the limits stand before onnxruntime maps its first page.
    from inference.model.proto import read_metadata  # noqa: PLC0415
    from inference.model.replay import is_batch_exact, replay_samples  # noqa: PLC0415
    from inference.model.servable import Servable  # noqa: PLC0415

    read_metadata(data)
    begin = time.perf_counter()
    servable = Servable("examined", 1, data)
    load_ms = (time.perf_counter() - begin) * 1e3
    difference = replay_samples(servable)
    warnings: list[str] = []
    cost: dict[int, float] = {}
    threads, batchable = 1, False
    contract = servable.contract
    if contract is None:
        warnings.append("the file has no contract: its features are positional, nothing is known")
    try:
        cost, threads = _measure(servable, data)
        batchable = is_batch_exact(servable)
    except ArtefactError:
        raise
    except (RookeryError, ValueError) as error:
        # Somebody else's graph may take no zeros, or no batch; that is no reason to refuse it.
        if any(sign in str(error) for sign in _OUT_OF_MEMORY):
            raise ArtefactError(f"it needs more memory than examination allows: {error}") from None
        if contract is not None:
            raise ArtefactError(f"it cannot be timed: {error}") from None
        warnings.append(f"it could not be tried: {error}")
    return msgspec.structs.replace(
        report,
        admitted=True,
        has_contract=contract is not None,
        samples=len(contract.samples) if contract else 0,
        max_difference=difference,
        load_ms=round(load_ms, 2),
        cost_us=cost,
        threads=threads,
        batchable=batchable,
        warnings=warnings,
    )


def _measure(servable: Servable, data: bytes) -> tuple[dict[int, float], int]:
    """Measure the cost curve, and whether more threads are worth it.

    Returns:
        The curve, and the number of threads that it was measured with.
    """
    from inference.model.cost import measure_cost  # noqa: PLC0415
    from inference.model.plan import Plan, granted_cpus  # noqa: PLC0415

    serving = servable.contract.serving if servable.contract else None
    alone = measure_cost(servable)
    wanted = serving.threads if serving and serving.threads else None
    threads = min(wanted or granted_cpus(), granted_cpus())
    largest = max(alone)
    if threads == 1 or (wanted is None and alone[largest] < _THREADS_WORTH_US):
        return alone, 1
    # The class at hand, since importing it at the top would map onnxruntime before the limits.
    again = type(servable)("examined", 1, data, plan=Plan(threads=threads))
    together = measure_cost(again)
    gain = alone[largest] / together[largest]
    return (together, threads) if wanted or gain >= _THREADS_GAIN else (alone, 1)


def main() -> None:
    """Examine the file named on the command line, within the limits named after it."""
    path, memory_bytes, cpu_seconds = sys.argv[1:4]
    limit_resources(int(memory_bytes), int(cpu_seconds))
    report = examine_here(Path(path))
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
