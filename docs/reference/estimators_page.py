# ruff: noqa: INP001 - imported by a script
"""Describe the estimators that the corpus of pipelines has published."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

FILE = Path(__file__).parent / "estimators.json"


def list_published() -> str:
    """Return the estimators that were published, one a line."""
    cases = json.loads(FILE.read_text())["cases"].values()
    published = [case for case in cases if "refused" not in case]
    return "".join(f"{name}\n" for name in sorted({k for c in published for k in c["estimators"]}))


def render() -> str:
    """Return the page."""
    recorded = json.loads(FILE.read_text())
    cases = recorded["cases"].values()
    published = [case for case in cases if "refused" not in case]
    versions = ", ".join(f"{name} {version}" for name, version in recorded["versions"].items())
    lines = [
        "# Estimators\n",
        (
            f"{len(published)} of {len(recorded['cases'])} pipelines of the acceptance tests were "
            f"published when this was recorded, with\n{versions}.\n"
        ),
        (
            "A pipeline counts for each estimator in it. float64 is chosen where float32 answers "
            "otherwise. *ties* are rows\nwith several right answers. "
            "`exporter.supported_estimators()` lists those that were published.\n"
        ),
        "| estimator | published | float32 | float64 | notes |",
        "|---|---|---|---|---|",
    ]
    for name in sorted({kind for case in cases for kind in case["estimators"]}):
        own = [case for case in cases if name in case["estimators"]]
        done = [case for case in own if "refused" not in case]
        precisions = Counter(case["precision"] for case in done)
        notes = ["ties"] if any(case["ties"] for case in done) else []
        notes += [f"{len(own) - len(done)} refused"] if len(done) < len(own) else []
        counts = f"{len(done)} | {precisions['float32']} | {precisions['float64']}"
        lines.append(f"| `{name}` | {counts} | {', '.join(notes)} |")
    lines += ["\n## Refused\n", "| pipeline | message |", "|---|---|"]
    for name, case in recorded["cases"].items():
        if "refused" in case:
            lines.append(f"| `{_cell(name)}` | {_cell(case['refused'])} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")[:300]
