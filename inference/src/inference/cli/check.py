"""``inference check``: the examination of one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from inference.admission.admission import Limits, examine
from inference.cli.exit_status import OK, REFUSED
from inference.cli.table import print_text

if TYPE_CHECKING:
    from pathlib import Path

    from inference.admission.report import Report
    from inference.settings import Settings


def check_file(path: Path, settings: Settings, *, as_json: bool) -> int:
    """Examine a file and print the report.

    Returns:
        The exit status.
    """
    report = examine(path, Limits.of(settings))
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(report)).decode()
    else:
        text = "\n".join(_lines(path, report))
    print_text(text)
    return OK if report.admitted else REFUSED


def _lines(path: Path, report: Report) -> list[str]:
    lines = [f"{path}: {'admitted' if report.admitted else 'refused: ' + report.reason}"]
    if report.digest:
        lines.append(f"  sha256    {report.digest}, {report.size_bytes:,} bytes")
    if report.admitted:
        contract = "yes" if report.has_contract else "none: features are named after the inputs"
        lines.append(f"  contract  {contract}")
        lines.append(
            f"  samples   {report.samples} replayed, largest difference {report.max_difference:.3g}"
        )
        lines.append(f"  loaded    in {report.load_ms:g} ms")
        costs = ", ".join(f"{rows} rows {cost:g} µs" for rows, cost in report.cost_us.items())
        lines.append(f"  one run   {costs or 'not measured'}")
    return [*lines, *(f"  warning   {warning}" for warning in report.warnings)]
