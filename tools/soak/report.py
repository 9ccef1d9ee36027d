"""The report: what must hold and whether it does, the load, the faults, memory over time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from soak.monitor import Reading
    from soak.tally import Tally

MIB = 1024 * 1024
RECOVERY_SECONDS = 2.0
GROWTH_MIB = 48
LEAST_LOAD = 0.5
# A worker's memory is judged from here on: by then every code path has been taken once.
SETTLED = 0.25
_TAIL = 0.1


class Fault(NamedTuple):
    """One fault that was injected.

    Attributes:
        kind: What was done.
        at: Seconds since the beginning.
        seconds: Until all was well again.
        failure: What did not follow as it must; empty when all did.
    """

    kind: str
    at: float
    seconds: float
    failure: str = ""


@dataclass(slots=True)
class Run:
    """All that one run brought.

    Attributes:
        seconds: How long the load was held.
        pace: Requests a second that the clients were to make.
        tally: What became of the requests.
        faults: What was done, in order.
        recoveries: Seconds, one for each killed worker.
        readings: Memory over time.
        machine: Where it ran.
        troubles: Whatever else must not have been: stack traces in the log, say.
    """

    seconds: float
    pace: float
    tally: Tally
    faults: list[Fault]
    recoveries: list[float]
    readings: list[Reading]
    machine: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


class Verdict(NamedTuple):
    """What must hold, and whether it does."""

    what: str
    bound: str
    found: str
    holds: bool


def judge(run: Run) -> list[Verdict]:
    """Say what must hold, and whether it does."""
    lost = sum(run.tally.lost_kinds.values())
    rate = run.tally.answered / run.seconds
    failed = [fault for fault in run.faults if fault.failure]
    slowest = max(run.recoveries, default=0.0)
    grown = growth_mib(run.readings)
    return [
        Verdict("requests lost", "none", f"{lost:,}", lost == 0),
        Verdict(
            "load held, right answers a second",
            f"at least {run.pace * LEAST_LOAD:,.0f}, paced at {run.pace:,.0f}",
            f"{rate:,.0f}",
            rate >= run.pace * LEAST_LOAD,
        ),
        Verdict(
            "faults that ended as they must",
            "all",
            f"{len(run.faults) - len(failed)} of {len(run.faults)}",
            bool(run.faults) and not failed,
        ),
        Verdict(
            "slowest recovery from the death of a worker",
            f"at most {RECOVERY_SECONDS:g} s",
            f"{slowest:.2f} s of {len(run.recoveries)}",
            bool(run.recoveries) and slowest <= RECOVERY_SECONDS,
        ),
        Verdict(
            "growth of the eldest worker's memory",
            f"at most {GROWTH_MIB} MiB",
            f"{grown:+.1f} MiB",
            grown <= GROWTH_MIB,
        ),
        Verdict("other troubles", "none", f"{len(run.troubles)}", not run.troubles),
    ]


def growth_mib(readings: list[Reading]) -> float:
    """Give how much the eldest worker's memory has grown since the run had settled.

    Both ends are medians, since a request of a thousand rows shows in a single reading.
    """
    if not readings:
        return 0.0
    end = readings[-1].at
    eldest = Counter(pid for r in readings for pid in r.workers).most_common(1)[0][0]
    series = [(r.at, r.workers[eldest]) for r in readings if eldest in r.workers]
    early = [size for at, size in series if SETTLED * end <= at < (SETTLED + _TAIL) * end]
    late = [size for at, size in series if at >= (1 - _TAIL) * end]
    return (median(late) - median(early)) / MIB if early and late else 0.0


def render(run: Run, *, picture: str) -> str:
    """Write the report as Markdown."""
    parts = [
        "# Soak\n",
        f"{run.seconds:,.0f} seconds of mixed load on {run.machine.get('workers', '?')} workers.\n",
        *_table(("", "must be", "is", "holds"), map(_row, judge(run))),
        f"\n![Memory over time, with the faults]({picture})\n",
        "## Load\n",
        *_table(("request", "right answers", "lost", "p50 ms", "p99 ms", "max ms"), _kinds(run)),
        f"\n- {run.tally.cut:,} requests were cut off: a killed worker had their connections.",
        f"- {run.tally.left:,} requests were left by their clients.",
        f"- {run.tally.refused:,} connections were refused while the service was restarted.",
        "\n## Faults\n",
        *_table(("fault", "times", "until all was well, s", "slowest, s"), _faults(run.faults)),
        "\n## Memory, MiB\n",
        *_table(("", "first", "last", "most"), _memory(run.readings)),
        "\n## Where\n",
        *_table(("", ""), run.machine.items()),
        *_troubles(run),
    ]
    return "\n".join(parts) + "\n"


def _row(verdict: Verdict) -> tuple[str, ...]:
    return (verdict.what, verdict.bound, verdict.found, "yes" if verdict.holds else "**no**")


def _kinds(run: Run) -> Iterator[tuple[str, ...]]:
    lost = run.tally.lost_kinds
    for kind in sorted(run.tally.latency_ms.keys() | lost.keys()):
        found = run.tally.latency_ms.get(kind) or [0.0]
        p99 = quantiles(found, n=100, method="inclusive")[-1] if len(found) > 1 else found[0]
        figures = (f"{median(found):.1f}", f"{p99:.1f}", f"{max(found):,.0f}")
        yield (kind, f"{len(found):,}", f"{lost[kind]:,}", *figures)


def _faults(faults: list[Fault]) -> Iterator[tuple[str, ...]]:
    for kind in dict.fromkeys(fault.kind for fault in faults):
        took = [fault.seconds for fault in faults if fault.kind == kind]
        yield kind, f"{len(took)}", f"{median(took):.1f}", f"{max(took):.1f}"


def _memory(readings: list[Reading]) -> Iterator[tuple[str, ...]]:
    for pid in dict.fromkeys(pid for r in readings for pid in r.workers):
        series = [r.workers[pid] for r in readings if pid in r.workers]
        yield f"worker {pid}", *_ends(series)
    yield "all, with examinations", *_ends([r.total for r in readings])


def _ends(series: list[int]) -> tuple[str, ...]:
    return tuple(f"{size / MIB:,.0f}" for size in (series[0], series[-1], max(series)))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _troubles(run: Run) -> Iterator[str]:
    failed = [f"{f.kind} at {f.at:.0f} s: {f.failure}" for f in run.faults if f.failure]
    for title, lines in (
        ("Requests lost", run.tally.lost),
        ("Faults that did not end well", failed),
        ("Other troubles", run.troubles),
    ):
        if lines:
            yield f"\n## {title}\n"
            yield from (f"- {line}" for line in lines)
