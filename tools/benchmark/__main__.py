"""Measure the service beside its peers, in one run: ``make bench``.

A whole run with the default length writes docs/reference/benchmarks.md and its picture; any other
run writes to reports/, so that no hasty figure gets into the documentation.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.figures import interleave
from benchmark.machine import describe_machine, describe_versions, read_ticks
from benchmark.page import read_remarks, render_page, render_verdicts
from benchmark.picture import draw
from benchmark.scenarios import (
    explanations,
    footprint,
    latency,
    monitoring,
    single,
    throughput,
    trees,
)
from benchmark.stage import Stage
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from benchmark.figures import Figures, Results
    from benchmark.stage import Measure

    Scenario = Callable[[Stage], AbstractContextManager[dict[str, Measure]]]

SCENARIOS: dict[str, Scenario] = {
    "single": single.single,
    "settings": single.settings,
    "batch": throughput.batch,
    "thousand": throughput.thousand,
    "wide": throughput.wide,
    "trees": trees.trees,
    "batching": throughput.batching,
    "beside": latency.beside,
    "republishing": latency.republishing,
    "explanations": explanations.explanations,
    "monitoring": monitoring.monitoring,
    "workers": throughput.workers,
    "start": footprint.start,
    "image": footprint.image,
}
SECONDS, ROUNDS = 1, 5


def main() -> None:
    """Measure, print the ratios, write the page."""
    options = _read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended, too
    facts: dict[str, Any] = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "machine": describe_machine(),
        "versions": describe_versions(),
    }
    if options.again:
        stored = json.loads(options.again.read_text())
        results, facts = stored["results"], stored["facts"]
    else:
        stolen, ticks = read_ticks()
        results = _measure(options)
        stolen, ticks = (
            now - then for now, then in zip(read_ticks(), (stolen, ticks), strict=True)
        )
        facts["machine"]["taken by the host meanwhile"] = f"{100 * stolen / max(1, ticks):.1f} %"
    reports = ROOT / "reports"
    reports.mkdir(exist_ok=True)
    stored_file = reports / "benchmarks.json"
    stored_file.write_text(json.dumps({"facts": facts, "results": results}, indent=1))
    whole = {name.split("/")[0] for name in results} >= set(SCENARIOS) - {"image"}
    usual = facts["seconds"] >= SECONDS and facts["rounds"] >= ROUNDS
    page = _write(results, facts, ROOT / "docs" if whole and usual else reports)
    sys.stdout.write(f"\n{render_verdicts(results)}\n\nAll figures: {page.relative_to(ROOT)}\n")


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenarios", nargs="*", help=f"by default all: {', '.join(SCENARIOS)}")
    parser.add_argument("--seconds", type=int, default=os.environ.get("BENCH_SECONDS") or SECONDS)
    parser.add_argument("--rounds", type=int, default=os.environ.get("BENCH_ROUNDS") or ROUNDS)
    parser.add_argument(
        "--again", type=Path, help="write the page anew from reports/benchmarks.json"
    )
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(SCENARIOS):
        parser.error(f"there is no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    if min(options.seconds, options.rounds) < 1:
        parser.error("seconds and rounds have to be 1 at least")
    return options


def _measure(options: argparse.Namespace) -> Results:
    results: Results = {}
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rookery-bench-") as folder:
        _say("training and publishing the models")
        stage = Stage(Path(folder), options.seconds)
        for name in options.scenarios or SCENARIOS:
            _say(f"[{time.monotonic() - begin:.0f} s] {name}: {_summary(SCENARIOS[name])}")
            with SCENARIOS[name](stage) as measures:
                results |= interleave(measures, options.rounds, _note)
    _say(f"measured for {time.monotonic() - begin:.0f} s")
    return results


def _write(results: Results, facts: dict[str, Any], folder: Path) -> Path:
    page = (
        folder / "reference" / "benchmarks.md"
        if folder.name == "docs"
        else folder / "benchmarks.md"
    )
    picture = folder / "pictures" / "benchmarks.png"
    draw(results, picture)
    where = os.path.relpath(picture, page.parent)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_page(results, facts, picture=where, remarks=read_remarks(page)))
    return page


def _summary(scenario: Scenario) -> str:
    return (scenario.__doc__ or "").split("\n", 1)[0]


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


def _note(name: str, figures: Figures) -> None:
    shown = "  ".join(f"{field} {value:,.4g}" for field, value in figures.items())
    sys.stderr.write(f"  {name:<55} {shown}\n")


if __name__ == "__main__":
    main()
