"""Tree models run in this process: ``python trees_alone.py FOLDER``.

Each line of standard input is a JSON array of the model's name, the way (``published``,
``converter`` or ``library``), the number of rows and the seconds. Each line of output has figures.
"""

from __future__ import annotations

import json
import sys
import time
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import onnxruntime as ort

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDER = Path(sys.argv[1])
_KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def main() -> None:
    """Measure what is asked for."""
    for line in sys.stdin:
        name, way, rows, seconds = json.loads(line)
        sys.stdout.write(json.dumps(_measure(_runner(name, way, rows), seconds)) + "\n")
        sys.stdout.flush()


@cache
def _runner(name: str, way: str, rows: int) -> Callable[[], Any]:
    X = np.load(_FOLDER / "rows.npy")[:rows]  # noqa: N806
    if way == "library":
        return partial(joblib.load(_FOLDER / f"{name}.joblib").predict_proba, X)
    file = _FOLDER / f"{name}.onnx"
    if way == "published":
        file = _FOLDER / "models" / name / "1" / "model.onnx"
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # a converter declares shapes that the outputs do not have
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    if len(inputs) == 1:
        feeds = {inputs[0].name: X.astype(_KINDS[inputs[0].type])}
    else:
        feeds = {spec.name: X[:, [i]].astype(_KINDS[spec.type]) for i, spec in enumerate(inputs)}
    return partial(session.run, None, feeds)


def _measure(run: Callable[[], Any], seconds: float) -> dict[str, float]:
    run()
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while not times or time.perf_counter() < deadline:
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    return {"p50_ms": float(np.median(times)), "p99_ms": float(np.percentile(times, 99))}


if __name__ == "__main__":
    main()
