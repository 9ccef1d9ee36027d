"""Print what the good client sees beside each attacker, or beside those that are named."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from attackers.measure import ATTACKS, measure


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _say(f"{'attack':40} quiet p99   p99  longest ms  peak MiB  stop s  failures")
    for name in sys.argv[1:] or ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                f = measure(name, Path(folder) / "service")
            except Exception as error:  # noqa: BLE001 - the table goes on
                _say(f"{name:40} {error!r}"[:300])
                continue
        _say(
            f"{name:40} {f.quiet_p99_ms:8.1f} {f.p99_ms:6.1f} {f.longest_ms:10.0f} {f.peak_mib:9d} "
            f"{f.stop_seconds:7.1f}  {len(f.failures)} {f.failures[:1]}"
        )
