"""``session.run`` alone, in a process of its own: ``python alone.py FILE FEEDS SECONDS``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from inference.model.servable import Servable


def main() -> None:
    """Run one model over and over as the service does, and print the figures as JSON."""
    artifact, feeds_file, seconds = sys.argv[1:4]
    servable = Servable.load("alone", 1, Path(artifact).read_bytes())
    with np.load(feeds_file) as stored:
        feeds = dict(stored)
    times: list[float] = []
    deadline = time.perf_counter() + float(seconds)
    while (begin := time.perf_counter()) < deadline:
        servable.run(None, feeds)
        times.append((time.perf_counter() - begin) * 1e3)
    mean = sum(times) / len(times)
    figures = {
        "rate": 1e3 / mean,
        "mean_ms": mean,
        "p50_ms": float(np.percentile(times, 50)),
        "p99_ms": float(np.percentile(times, 99)),
        "requests": len(times),
        "failures": 0,
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
