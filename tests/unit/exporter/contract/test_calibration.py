from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from exporter import publish
from exporter.contract.calibration import widen
from inference.model.contract import Calibration
from inference.model.servable import Servable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("widths", "wider"), [([2.0], [2.5]), ([2.0, 1.0], [2.5, 1.25]), ([0.0], [0.5])]
)
def test_intervals_hold_for_the_file_too(widths: list[float], wider: list[float]) -> None:
    widened = widen(Calibration(0.9, 10, half_widths=widths), 0.5)
    assert widened is not None
    assert widened.half_widths == wider


def test_a_threshold_is_lowered_and_never_negative() -> None:
    for threshold, lower in ((0.7, 0.2), (0.1, 0.0)):
        widened = widen(Calibration(0.9, 10, threshold=threshold), 0.5)
        assert widened is not None
        assert widened.threshold == pytest.approx(lower)
    assert widen(None, 0.5) is None


def test_shares_of_votes_that_equal_the_threshold_are_in_the_set(tmp_path: Path) -> None:
    """The forest's 0.7 is a little less in float32, and has to stay in the label set."""
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(600, 4))
    labels = (rows[:, 0] + chance.normal(size=600) > 0).astype(int)
    model = RandomForestClassifier(10, random_state=0).fit(pd.DataFrame(rows[:200]), labels[:200])
    calibrate = (rows[200:400], labels[200:400])
    published = _publish(tmp_path, model, rows[:200], calibrate, 0.6)
    threshold = published.contract.calibration.threshold
    servable = Servable.load("m", 1, published.path.read_bytes())
    asked = rows[400:]
    ((shares),) = servable.run(
        [published.contract.outputs.probabilities], servable.to_feeds(asked.tolist()), None
    )
    exact = -np.sort(-model.predict_proba(rows[200:400])[np.arange(200), labels[200:400]])
    least = exact[np.argmin(np.abs(exact - threshold))]
    own = model.predict_proba(asked)
    assert ((shares >= threshold) == (own >= least - 1e-9)).all()


def test_an_exact_regression_holds_its_own_values(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 2))
    model = LinearRegression().fit(pd.DataFrame(rows), rows @ [1.0, 2.0])
    published = _publish(tmp_path, model, rows[:100], (rows[100:], rows[100:] @ [1.0, 2.0]), 0.9)
    (width,) = published.contract.calibration.half_widths
    assert width >= published.contract.parity.max_difference


def _publish(folder: Path, model: Any, rows: Any, calibrate: Any, coverage: float) -> Any:
    return publish(
        model,
        "m",
        pd.DataFrame(rows),
        models_dir=folder,
        calibrate=(pd.DataFrame(calibrate[0]), calibrate[1]),
        coverage=coverage,
        progress=False,
    )
