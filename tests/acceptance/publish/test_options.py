"""The options of ``publish()`` in the types that a notebook has at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from exporter import publish

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame({"a": np.linspace(0, 1, 40), "b": np.arange(40.0)})


def test_options_are_taken_in_the_types_of_numpy_and_pandas(tmp_path: Path) -> None:
    """Such as the columns of y, and numbers from an array."""
    targets = FRAME[["a", "b"]].set_axis(["first", "second"], axis=1)
    publication = publish(
        LinearRegression().fit(FRAME, targets),
        "m",
        FRAME,
        calibrate=(FRAME + 0.01, targets),
        coverage=np.float32(0.5),  # type: ignore[arg-type]
        target_names=targets.columns,
        tolerance=np.float32(1e-3),  # type: ignore[arg-type]
        models_dir=tmp_path,
    )
    assert publication.contract.targets == ["first", "second"]
    assert publication.contract.calibration is not None
    assert publication.contract.calibration.coverage == 0.5
    assert publication.contract.parity.tolerance == pytest.approx(1e-3)
