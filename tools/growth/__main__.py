"""Measures what one replica carries and how replicas follow a bucket, and writes the page."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from exporter import publish
from growth import crowd, replicas
from growth.page import render
from support.project import ROOT

_PAGE = ROOT / "docs" / "reference" / "growth.md"


def main() -> None:
    """Measure, and write docs/reference/growth.md."""
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 10, 100])
    arguments = parser.parse_args()
    load, *_ = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        root = Path(folder)
        artifact = _small_model(root / "published")
        crowds = []
        for number in arguments.models:
            crowds.append(crowd.measure(artifact, number, root / "crowd"))
            print(crowds[-1], flush=True)  # noqa: T201 - progress
        followed = []
        for number in arguments.replicas:
            place = root / f"replicas-{number}"
            place.mkdir()
            followed.append(replicas.measure(artifact, number, place))
            seconds = [whole for whole, _ in followed[-1].seconds]
            print(f"{number} replicas: {median(seconds):.1f} s", flush=True)  # noqa: T201 - progress
    benchmarks = (ROOT / "docs" / "reference" / "benchmarks.md").read_text()
    _PAGE.write_text(render(crowds, followed, benchmarks, load=load))


def _small_model(folder: Path) -> bytes:
    rows, labels = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(rows, labels)
    publish(model, "iris", rows, labels, models_dir=folder, progress=False)
    return (folder / "iris" / "1" / "model.onnx").read_bytes()


if __name__ == "__main__":
    main()
