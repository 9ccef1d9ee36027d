"""The picture: memory over time, with a mark for each fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from soak.report import MIB

if TYPE_CHECKING:
    from pathlib import Path

    from soak.report import Run

_COLOURS = ("#1b6b93", "#e0a458", "#6fb3d2", "#a23b4a", "#5b8c5a", "#8a6fa8")


def draw(run: Run, file: Path) -> None:
    """Draw memory by process and in total, and below it when which fault was injected."""
    kinds = list(dict.fromkeys(fault.kind for fault in run.faults))
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9}):
        figure = Figure(figsize=(9, 6.5), layout="constrained", dpi=150)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        times = [reading.at for reading in run.readings]
        totals = [reading.total / MIB for reading in run.readings]
        above.plot(times, totals, color="#333333", linewidth=1, label="all, with examinations")
        pids = dict.fromkeys(pid for reading in run.readings for pid in reading.workers)
        for number, pid in enumerate(pids):
            series = [(r.at, r.workers[pid] / MIB) for r in run.readings if pid in r.workers]
            above.plot(
                *zip(*series, strict=True),
                color=_COLOURS[number % len(_COLOURS)],
                linewidth=1.2,
                label="one worker each" if number == 0 else None,
            )
        for fault in run.faults:
            if fault.kind == "kill":
                above.axvline(fault.at, color="#a23b4a", linewidth=0.5, alpha=0.5)
        above.set_ylim(bottom=0)
        above.set_ylabel("resident MiB")
        above.legend(frameon=False, loc="upper left", ncols=2)
        for fault in run.faults:
            row = kinds.index(fault.kind)
            color = "#a23b4a" if fault.failure or fault.kind == "kill" else "#1b6b93"
            end = fault.at + max(fault.seconds, run.seconds / 300)  # so that the short ones show
            below.plot([fault.at, end], [row, row], color=color, linewidth=4)
        below.set_yticks(range(len(kinds)), kinds, fontsize=7)
        below.set_ylim(len(kinds) - 0.4, -0.6)
        below.set_xlabel("seconds")
        for axes in (above, below):
            axes.spines[["top", "right"]].set_visible(False)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file)
