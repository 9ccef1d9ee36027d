"""How a servable is run: on the loop or in a thread, batched or not, and with how many threads.

The plan follows from the cost curve measured at admission; it is not configuration. An operator can
override it by setting (``INFERENCE_PLANS``), a model's author by contract (``serving``).
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Literal

import msgspec

from inference.runtime.memory import control_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

# A thread hop costs about 100 microseconds: what is cheaper than twice that runs on the loop.
_INLINE_US = 200.0
# Batching has to save at least half of the time per row to be worth its bookkeeping.
_BATCH_GAIN = 2.0
ROW_COUNTS = (1, 8, 32, 128)  # for which the cost of a run is measured
ANY_TEXT = 2**31
# By version of control groups: the files with the microseconds that are granted, and in how many.
_QUOTA_FILES = {2: ("cpu.max",), 1: ("cpu.cfs_quota_us", "cpu.cfs_period_us")}


class Plan(msgspec.Struct, frozen=True):
    """How a servable is run.

    Attributes:
        mode: ``inline`` on the event loop, or in a worker ``thread``.
        max_batch_rows: Most rows of several requests that share a run; 1 is no batching.
        threads: Threads of one run, never more than the cgroup grants.
        inline_rows: Up to how many rows of one request run inline.
        inline_text: Up to how many characters, of the longest text times rows, that is so.
        cost_us: The curve it follows from: microseconds of a run, by row count.
    """

    mode: Literal["inline", "thread"] = "thread"
    max_batch_rows: int = 1
    threads: int = 1
    inline_rows: int = 0
    inline_text: int = ANY_TEXT
    cost_us: dict[int, float] = {}


def make_plan(
    cost_us: Mapping[int, float],
    *,
    batchable: bool,
    threads: int = 1,
    inline_text: int = ANY_TEXT,
) -> Plan:
    """Derive the plan from the cost curve.

    Args:
        cost_us: Microseconds of a run, by row count; empty when it could not be measured.
        batchable: Whether rows of several requests may share a run without changing an answer.
        threads: Threads with which the curve was measured.
        inline_text: See :class:`Plan`.
    """
    if not cost_us:
        return Plan(threads=threads)
    inline_rows = max((rows for rows, cost in cost_us.items() if cost < _INLINE_US), default=0)
    largest = max(rows for rows in cost_us if rows <= max(ROW_COUNTS))
    gain = cost_us[1] * largest / cost_us[largest]
    batched = batchable and inline_rows == 0 and gain >= _BATCH_GAIN
    return Plan(
        mode="inline" if inline_rows else "thread",
        max_batch_rows=largest if batched else 1,
        threads=threads,
        inline_rows=inline_rows,
        inline_text=inline_text,
        cost_us=dict(cost_us),
    )


def override_plan(
    plan: Plan,
    *,
    mode: Literal["inline", "thread"] | None = None,
    max_batch_rows: int | None = None,
) -> Plan:
    """Apply an operator's or author's choices; ``None`` keeps the measured one."""
    if mode == "inline":
        plan = msgspec.structs.replace(plan, mode=mode, inline_rows=max(1, plan.inline_rows))
    elif mode == "thread":
        plan = msgspec.structs.replace(plan, mode=mode, inline_rows=0)
    if max_batch_rows is not None:
        plan = msgspec.structs.replace(plan, max_batch_rows=max_batch_rows)
    return plan


def granted_cpus() -> int:
    """Return how many processors this process may use: affinity and cgroup quotas, at least 1.

    Source: ``cpu.max``, https://docs.kernel.org/admin-guide/cgroup-v2.html, and for version 1
    https://docs.kernel.org/scheduler/sched-bwc.html
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    granted = [allowed or 1]
    for version, group in control_groups("cpu"):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            texts = [(group / name).read_text() for name in _QUOTA_FILES[version]]
            quota, period = map(int, " ".join(texts).split())
            if quota > 0:  # version 1 represents "no limit" by -1
                granted.append(quota // period)
    return max(1, min(granted))
