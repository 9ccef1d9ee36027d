"""Forests and boosted trees: the published file beside other ways to run the same model."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from benchmark import environments
from benchmark.names import OF_THREE_CLASSES, TREES
from benchmark.server import PEERS
from exporter import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmark.figures import Figures
    from benchmark.stage import Measure, Stage

WAYS = ("published", "converter", "library")
_ROWS, _COLUMNS, _TREES, _SEED = 2000, 20, 200, 20
_CLASSES = 3
_SECONDS = 0.2


@contextlib.contextmanager
def trees(stage: Stage) -> Iterator[dict[str, Measure]]:
    """200 trees of each library, one row and 1,000: as published, as converted, in the library.

    Of two classes, and of three.
    """
    folder = stage.new_folder("trees")
    _train(folder)
    packages = {"PYTHONPATH": str(environments.onnxmltools())}
    script = PEERS / "convert_trees.py"
    converting = [sys.executable, str(script), str(folder)]
    subprocess.run(converting, check=True, env=os.environ | packages, capture_output=True)
    with _running(stage, folder) as process:
        yield {
            f"trees/{name}/{rows}/{way}": partial(_ask, process, name, way, rows)
            for name in TREES
            for rows in (1, 1000)
            for way in WAYS
        }


def _train(folder: Path) -> None:
    X, codes = make_classification(  # noqa: N806
        _ROWS, _COLUMNS, n_informative=10, random_state=_SEED
    )
    np.save(folder / "rows.npy", X)
    _fit(folder, X, codes, "")
    total = X.sum(axis=1)
    thirds = np.digitize(total, np.quantile(total, [1 / _CLASSES, 2 / _CLASSES]))
    _fit(folder, X, thirds, OF_THREE_CLASSES)


def _fit(folder: Path, X: Any, codes: Any, ending: str) -> None:  # noqa: N803
    y = np.array(["no", "yes", "maybe"])[codes]
    for name, model in _models(int(codes.max()) + 1).items():
        target = codes if name == "xgboost" else y  # XGBoost takes no text
        model.fit(X, target)
        joblib.dump(model, folder / f"{name}{ending}.joblib")
        publish(model, f"{name}{ending}", X, target, models_dir=folder / "models", progress=False)


def _models(classes: int) -> dict[str, Any]:
    """Return models of 200 trees; of several classes, three libraries fit one for each class."""
    from catboost import CatBoostClassifier  # noqa: PLC0415 - only this scenario needs them
    from lightgbm import LGBMClassifier  # noqa: PLC0415
    from xgboost import XGBClassifier  # noqa: PLC0415

    rounds = _TREES if classes < _CLASSES else _TREES // classes
    return {
        "forest": RandomForestClassifier(_TREES, random_state=_SEED, n_jobs=1),
        "hist-gradient-boosting": HistGradientBoostingClassifier(
            max_iter=rounds, early_stopping=False, random_state=_SEED
        ),
        "xgboost": XGBClassifier(n_estimators=rounds, n_jobs=1, random_state=_SEED),
        "lightgbm": LGBMClassifier(n_estimators=rounds, n_jobs=1, verbose=-1),
        "catboost": CatBoostClassifier(
            iterations=_TREES, thread_count=1, verbose=False, allow_writing_files=False
        ),
    }


@contextlib.contextmanager
def _running(stage: Stage, folder: Path) -> Iterator[subprocess.Popen[str]]:
    script = Path(__file__).with_name("trees_alone.py")
    command = [
        *("taskset", "--cpu-list", str(stage.core)),
        *(sys.executable, "-W", "ignore", str(script), str(folder)),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(process: subprocess.Popen[str], name: str, way: str, rows: int) -> Figures:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([name, way, rows, _SECONDS]) + "\n")
    process.stdin.flush()
    figures: Figures = json.loads(process.stdout.readline())
    return figures
