from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.admission.files.contents import read_contents
from inference.admission.report import Report
from inference.model.session import Stop
from inference.repository.loading.servable_loader import load_servable
from inference.settings import MIB, Settings
from support.models.hostile_graphs import SINES

if TYPE_CHECKING:
    from pathlib import Path


def test_what_large_runs_took_is_there_for_smaller_ones(tmp_path: Path) -> None:
    """Where values determine the sizes, and all inputs have the same shape."""
    (tmp_path / "model.onnx").write_bytes(SINES)
    with read_contents(tmp_path / "model.onnx", MIB) as contents:
        report = Report(admitted=True, digest=contents.digest, fixed_sizes=False)
        settings = Settings(run_memory_bytes=128 * MIB)
        servable = load_servable(("m", 1), contents, report, settings)
    for size in (1.2e7, 1.2e7, 5e6, 1.2e7):
        feeds = {"X": np.full((1, 1), size, np.float32)}
        assert servable.run(None, feeds, Stop())[0].tolist() == [[size]]
