"""Eight notebooks publish one name at once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from inference.model.servable import Servable

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

# Forked after the imports and before anything runs, so that all begin within milliseconds.
SCRIPT = """
import os, sys, warnings
import numpy as np
from sklearn.linear_model import LogisticRegression
from exporter import publish

X = np.arange(80.0).reshape(40, 2)
model = LogisticRegression().fit(X, np.arange(40) > 20)
read, write = os.pipe()
children = []
warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, none of which run yet
for number in range(8):
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)  # returns for all at once when the parent closes its end
        status = 1
        try:
            publish(model, "m", X, description=str(number), models_dir=sys.argv[1])
            status = 0
        finally:
            os._exit(status)
    children.append(child)
os.close(write)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def test_gives_eight_publishers_eight_complete_versions(tmp_path: Path) -> None:
    """No publication overwrites another, no number is skipped, and no other file remains."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    versions = {int(p.name): p / "model.onnx" for p in (tmp_path / "m").iterdir()}
    assert sorted(versions) == list(range(1, 9))
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    authors = set()
    for version, path in versions.items():
        contract = Servable.load("m", version, path.read_bytes()).contract
        assert contract is not None
        authors.add(contract.training.description)
    assert authors == {str(n) for n in range(8)}
