"""The child process that examines one artifact; :mod:`inference.serving.trial_process` starts it.

It gets a descriptor of the artifact's bytes, and no path. It may crash, loop or run out of memory,
so it limits itself, leaves the network, and gives up opening files before it parses the bytes. Then
it examines them and writes one :class:`~inference.admission.report.Report` as JSON to standard
output.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import msgspec

from inference.admission.files.contents import read_all
from inference.admission.report import Report
from inference.admission.sandbox import give_up_files, leave_network, limit_resources
from inference.errors import RookeryError, RunTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.admission.examination import Trial

    LoadTrial = Callable[[], Trial]

_SECONDS = 30.0
_STANDARD_OUTPUT = 1


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
        confine: Called when all is imported, and before the file is parsed.
        seconds: How long it may take.
        load_trial: Imports the trial on every route; ``None`` leaves the trial out.
    """
    report = Report(admitted=False, digest=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    try:
        # Imported late: the limits stand before onnxruntime maps its first page.
        from inference.admission.examination import Examination  # noqa: PLC0415

        examination = Examination(seconds, None if load_trial is None else load_trial())
        return examination.run(data, report, confine)
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
            report, reason="it needs more memory than INFERENCE_ADMISSION_MEMORY_BYTES allows"
        )


def import_examination(load_trial: LoadTrial | None) -> None:
    """Import what an examination needs, so that the processes forked from this one share it.

    It takes as long as examining a small model. A service that has no new files needs none of it.
    """
    import inference.admission.examination  # noqa: F401, PLC0415

    if load_trial is not None:
        load_trial()


def write_report(
    descriptor: int, memory_bytes: int, seconds: float, load_trial: LoadTrial | None = None
) -> None:
    """Examine a file within limits, and write the report to standard output; once per process.

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
