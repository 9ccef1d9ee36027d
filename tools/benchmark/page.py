"""The page: what must hold and whether it does, the picture, every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.criteria import judge
from benchmark.figures import column, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmark.criteria import Verdict
    from benchmark.figures import Figures, Results, Spread

# What a person writes below this line outlives the next run.
REMARKS = "## Remarks"
_INTRODUCTION = """\
<!-- Written by `make bench`; what stands below "Remarks" is kept. -->

# Benchmarks

One run of `make bench` on {date}: {rounds} rounds of {seconds} s for each figure, interleaved,
every other one backwards. A figure is the median of its rounds, in brackets the lowest and the
highest; a ratio is taken within each round. Unless it says otherwise the server has one core and
the load generator (wrk) another.
"""
_SCENARIOS = {
    "single": "One row",
    "batch": "Many records as JSON in one request, 1 connection",
    "thousand": "1,000 rows in each form, 1 connection",
    "wide": "One row of 200 features",
    "batching": "k-nearest-neighbors, one row, 64 connections",
    "beside": "Logistic regression beside a costly model under full load",
    "republishing": "Logistic regression while it is republished as soon as it is live",
    "workers": "Workers on all cores, 64 connections; the generator needs its part of them",
    "start": "Start with five models, on all cores",
    "image": "Images",
}
_COLUMNS = {
    "rate": "answers/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "cpu_us": "server's µs an answer",
    "failures": "failed",
    "publications": "publications",
    "live_seconds": "s until live",
    "first_seconds": "s to first answer",
    "all_seconds": "s to all answers",
    "resident_megabytes": "resident MB",
    "peak_megabytes": "peak MB",
    "megabytes": "MB",
}


def render_page(results: Results, facts: Mapping[str, Any], *, picture: str, remarks: str) -> str:
    """Write the page.

    Args:
        results: What was measured.
        facts: ``date``, ``rounds``, ``seconds``, and tables ``machine`` and ``versions``.
        picture: Where the picture is, seen from the page.
        remarks: What a person has written, kept at the end.
    """
    said = facts["machine"] | facts["versions"]
    parts = [
        _INTRODUCTION.format(**facts),
        "| machine and versions | |\n|---|---|",
        *(f"| {name} | {value} |" for name, value in said.items()),
        "\n## What must hold\n",
        render_verdicts(results),
        f"\n![Throughput beside the peers']({picture})",
        "\n## Every figure",
        *_tables(results),
        f"\n{REMARKS}\n{remarks}",
    ]
    return "\n".join(parts).rstrip() + "\n"


def render_verdicts(results: Results) -> str:
    """Write the table of what must hold."""
    lines = ["| | must be | is | holds |", "|---|---|---|---|"]
    group = ""
    for verdict in judge(results):
        if verdict.criterion.group != group:
            group = verdict.criterion.group
            lines.append(f"| **{group}** | | | |")
        lines.append(_render_verdict(verdict))
    return "\n".join(lines)


def read_remarks(page: Path) -> str:
    """Give what a person has written below the line."""
    if not page.exists():
        return ""
    return page.read_text().partition(f"\n{REMARKS}\n")[2]


def _render_verdict(verdict: Verdict) -> str:
    criterion, measured = verdict.criterion, verdict.measured
    said = {True: "yes", False: "**no**", None: "not measured"}[verdict.holds]
    figure = _spell(measured) if measured else ""
    unit = f" {criterion.unit}" if criterion.unit else ""
    return f"| {criterion.what} | {criterion.side} {criterion.bound:g}{unit} | {figure} | {said} |"


def _tables(results: Results) -> Iterator[str]:
    for scenario, title in _SCENARIOS.items():
        names = [name for name in results if name.split("/")[0] == scenario]
        if not names:
            continue
        fields = [field for field in _COLUMNS if any(field in results[n][0] for n in names)]
        yield f"\n### {title}\n"
        yield f"| | {' | '.join(_COLUMNS[field] for field in fields)} |"
        yield "|---" * (len(fields) + 1) + "|"
        for name in names:
            cells = [_cell(results, name, field) for field in fields]
            yield f"| {name.partition('/')[2]} | {' | '.join(cells)} |"


def _cell(results: Results, name: str, field: str) -> str:
    first: Figures = results[name][0]
    return _spell(spread(column(results, name, field))) if field in first else ""


def _spell(figure: Spread) -> str:
    median, low, high = (_round(value) for value in figure)
    return median if low == high else f"{median} ({low} to {high})"


def _round(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
